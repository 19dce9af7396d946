import CRocksDB

extension Database {
    /// Several changes that are made together or not at all.
    final class Batch {
        let handle: OpaquePointer = rocksdb_writebatch_create()
        private unowned let database: Database

        init(_ database: Database) { self.database = database }

        deinit { rocksdb_writebatch_destroy(handle) }

        var count: Int { Int(rocksdb_writebatch_count(handle)) }
        private(set) var byteCount = 0

        func put(_ family: Family, _ key: [UInt8], _ value: UnsafeRawBufferPointer) {
            byteCount += key.count + value.count
            key.withUnsafeBytes { key in
                rocksdb_writebatch_put_cf(
                    handle, database.family(family), key.baseAddress?.assumingMemoryBound(to: CChar.self), key.count,
                    value.baseAddress?.assumingMemoryBound(to: CChar.self), value.count)
            }
        }

        func put(_ family: Family, _ key: [UInt8], _ value: [UInt8]) {
            value.withUnsafeBytes { put(family, key, $0) }
        }

        func delete(_ family: Family, _ key: [UInt8]) {
            byteCount += key.count
            key.withUnsafeBytes { key in
                rocksdb_writebatch_delete_cf(
                    handle, database.family(family), key.baseAddress?.assumingMemoryBound(to: CChar.self), key.count)
            }
        }

        /// Deletes the keys from `start` up to, without, `end`.
        func deleteRange(_ family: Family, from start: [UInt8], to end: [UInt8]) {
            byteCount += start.count + end.count
            start.withUnsafeBytes { start in
                end.withUnsafeBytes { end in
                    rocksdb_writebatch_delete_range_cf(
                        handle, database.family(family), start.baseAddress?.assumingMemoryBound(to: CChar.self),
                        start.count, end.baseAddress?.assumingMemoryBound(to: CChar.self), end.count)
                }
            }
        }

        func clear() {
            rocksdb_writebatch_clear(handle)
            byteCount = 0
        }
    }
}
