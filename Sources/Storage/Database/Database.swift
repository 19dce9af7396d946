import CRocksDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// RocksDB under a small and safe interface. Every method may be called from any thread until ``close()``, which the
/// owner calls when no other call is under way.
final class Database: @unchecked Sendable {
    let handle: OpaquePointer
    private let families: [OpaquePointer]
    private let options: [OpaquePointer]
    private let tableOptions: OpaquePointer
    private let cache: OpaquePointer
    private let readOptions: OpaquePointer
    private let writeOptions: OpaquePointer
    private let syncWriteOptions: OpaquePointer
    private var isClosed = false

    init(directory: String, blockCacheBytes: Int, maxWalBytes: Int) throws(StorageError) {
        cache = rocksdb_cache_create_lru(blockCacheBytes)
        tableOptions = rocksdb_block_based_options_create()
        rocksdb_block_based_options_set_block_cache(tableOptions, cache)
        rocksdb_block_based_options_set_block_size(tableOptions, 16 << 10)
        rocksdb_block_based_options_set_format_version(tableOptions, 5)
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(tableOptions, 1)
        options = Family.allCases.map { [tableOptions] in
            Self.makeOptions($0, tableOptions: tableOptions, maxWalBytes: maxWalBytes)
        }
        readOptions = rocksdb_readoptions_create()
        writeOptions = rocksdb_writeoptions_create()
        syncWriteOptions = rocksdb_writeoptions_create()
        rocksdb_writeoptions_set_sync(syncWriteOptions, 1)

        let names: [UnsafeMutablePointer<CChar>?] = Family.allCases.map { strdup($0.name) }
        defer { for name in names { free(name) } }
        var handles: [OpaquePointer?] = Array(repeating: nil, count: names.count)
        var error: UnsafeMutablePointer<CChar>?
        var columnOptions: [OpaquePointer?] = options
        var columnNames = names.map { UnsafePointer($0) }
        let opened = rocksdb_open_column_families(
            options[0], directory, Int32(names.count), &columnNames, &columnOptions, &handles, &error)
        guard let opened else {
            let message = Self.take(error) ?? "no reason given"
            Self.destroy(options, tableOptions, cache, [readOptions], [writeOptions, syncWriteOptions])
            throw .database(operation: "open '\(directory)'", message: message)
        }
        handle = opened
        families = handles.compactMap { $0 }
    }

    private static func makeOptions(
        _ family: Family, tableOptions: OpaquePointer, maxWalBytes: Int
    ) -> OpaquePointer {
        let options: OpaquePointer = rocksdb_options_create()
        rocksdb_options_set_create_if_missing(options, 1)
        rocksdb_options_set_create_missing_column_families(options, 1)
        rocksdb_options_set_block_based_table_factory(options, tableOptions)
        // Every write reaches the kernel before it is acknowledged: a killed process loses nothing.
        rocksdb_options_set_manual_wal_flush(options, 0)
        rocksdb_options_set_max_total_wal_size(options, UInt64(maxWalBytes))
        rocksdb_options_set_max_background_jobs(options, 2)
        rocksdb_options_set_max_open_files(options, 512)
        rocksdb_options_set_keep_log_file_num(options, 4)
        rocksdb_options_set_max_log_file_size(options, 4 << 20)
        rocksdb_options_set_stats_dump_period_sec(options, 0)
        rocksdb_options_set_stats_persist_period_sec(options, 0)
        // Raw samples shrink by half under LZ4; chunks are compressed already, but their keys are not.
        rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
        let writeBuffer =
            switch family {
            case .open: 64 << 20
            case .chunks: 32 << 20
            case .meta, .series, .blocks: 8 << 20
            }
        rocksdb_options_set_write_buffer_size(options, writeBuffer)
        if family == .open {
            // Blocks are dropped as a whole within hours: merging their files early is work for nothing.
            rocksdb_options_set_level0_file_num_compaction_trigger(options, 16)
            rocksdb_options_set_level0_slowdown_writes_trigger(options, 48)
            rocksdb_options_set_level0_stop_writes_trigger(options, 96)
        }
        return options
    }

    /// Must come last: no other call may be under way or follow.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        rocksdb_cancel_all_background_work(handle, 1)
        for family in families { rocksdb_column_family_handle_destroy(family) }
        rocksdb_close(handle)
        Self.destroy(options, tableOptions, cache, [readOptions], [writeOptions, syncWriteOptions])
    }

    deinit { close() }

    private static func destroy(
        _ options: [OpaquePointer], _ tableOptions: OpaquePointer, _ cache: OpaquePointer,
        _ readOptions: [OpaquePointer], _ writeOptions: [OpaquePointer]
    ) {
        for option in options { rocksdb_options_destroy(option) }
        rocksdb_block_based_options_destroy(tableOptions)
        rocksdb_cache_destroy(cache)
        for option in readOptions { rocksdb_readoptions_destroy(option) }
        for option in writeOptions { rocksdb_writeoptions_destroy(option) }
    }

    private static func take(_ error: UnsafeMutablePointer<CChar>?) -> String? {
        guard let error else { return nil }
        defer { rocksdb_free(error) }
        return String(cString: error)
    }

    func check(_ operation: String, _ error: UnsafeMutablePointer<CChar>?) throws(StorageError) {
        if let message = Self.take(error) { throw .database(operation: operation, message: message) }
    }

    func family(_ family: Family) -> OpaquePointer { families[family.rawValue] }

    // MARK: Writing

    /// Returns when the batch is in the kernel's page cache, or on the disk if `sync`.
    func write(_ batch: Batch, sync: Bool = false) throws(StorageError) {
        var error: UnsafeMutablePointer<CChar>?
        rocksdb_write(handle, sync ? syncWriteOptions : writeOptions, batch.handle, &error)
        try check("write", error)
    }

    /// Returns when everything written so far is on the disk.
    func syncLog() throws(StorageError) {
        var error: UnsafeMutablePointer<CChar>?
        rocksdb_flush_wal(handle, 1, &error)
        try check("sync the log", error)
    }

    /// Gives the room of deleted keys back.
    func compact(_ family: Family, from start: [UInt8], to end: [UInt8]) {
        start.withUnsafeBytes { start in
            end.withUnsafeBytes { end in
                rocksdb_compact_range_cf(
                    handle, self.family(family), start.baseAddress?.assumingMemoryBound(to: CChar.self), start.count,
                    end.baseAddress?.assumingMemoryBound(to: CChar.self), end.count)
            }
        }
    }

    // MARK: Reading

    func snapshot() -> Snapshot { Snapshot(self) }

    func iterator(_ family: Family) -> Iterator { Iterator(self, family, readOptions) }

    func get(_ family: Family, _ key: [UInt8]) throws(StorageError) -> [UInt8]? {
        var error: UnsafeMutablePointer<CChar>?
        var length = 0
        let value = key.withUnsafeBytes { key in
            rocksdb_get_cf(
                handle, readOptions, self.family(family), key.baseAddress?.assumingMemoryBound(to: CChar.self),
                key.count, &length, &error)
        }
        try check("read", error)
        guard let value else { return nil }
        defer { rocksdb_free(value) }
        return Array(UnsafeRawBufferPointer(start: value, count: length))
    }
}
