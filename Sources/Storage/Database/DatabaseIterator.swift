import CRocksDB

extension Database {
    /// A view of the database as it is now, which later writes do not change. Must not outlive the database.
    final class Snapshot {
        private let database: Database
        private let snapshot: OpaquePointer
        let options: OpaquePointer = rocksdb_readoptions_create()

        init(_ database: Database) {
            self.database = database
            snapshot = rocksdb_create_snapshot(database.handle)
            rocksdb_readoptions_set_snapshot(options, snapshot)
        }

        deinit {
            rocksdb_readoptions_destroy(options)
            rocksdb_release_snapshot(database.handle, snapshot)
        }

        func iterator(_ family: Family) -> Iterator { Iterator(database, family, options) }
    }

    /// Walks over a family in ascending order of keys. Key and value are valid until the next move.
    final class Iterator {
        private let database: Database
        private let handle: OpaquePointer

        init(_ database: Database, _ family: Family, _ options: OpaquePointer) {
            self.database = database
            handle = rocksdb_create_iterator_cf(database.handle, options, database.family(family))
        }

        deinit { rocksdb_iter_destroy(handle) }

        func seek(_ key: [UInt8]) {
            key.withUnsafeBytes {
                rocksdb_iter_seek(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
            }
        }

        func seekToFirst() { rocksdb_iter_seek_to_first(handle) }

        func next() { rocksdb_iter_next(handle) }

        var isValid: Bool { rocksdb_iter_valid(handle) != 0 }

        var key: UnsafeRawBufferPointer {
            var length = 0
            return UnsafeRawBufferPointer(start: rocksdb_iter_key(handle, &length), count: length)
        }

        var value: UnsafeRawBufferPointer {
            var length = 0
            return UnsafeRawBufferPointer(start: rocksdb_iter_value(handle, &length), count: length)
        }

        /// Why the walk ended, if not because there was nothing left.
        func checkError() throws(StorageError) {
            var error: UnsafeMutablePointer<CChar>?
            rocksdb_iter_get_error(handle, &error)
            try database.check("read", error)
        }
    }
}
