import Metrics

/// How a ``TimeSeriesStore`` behaves and what it may use. Times are milliseconds, sizes bytes.
/// Source: `docs/storage.md`, Options.
public struct StoreOptions: Sendable {
    /// How long the unaggregated namespace keeps samples.
    public var unaggregatedRetentionMs: Int64 = 48 * 3_600_000
    /// How far in the future a timestamp may lie.
    public var futureLimitMs: Int64 = 10 * 60_000
    /// How long after its end a block stays open for samples that are late: sealing earlier only means more chunks.
    public var sealDelayMs: Int64 = 10 * 60_000
    /// How long a block that was reopened by late samples waits without a new one before it is sealed again.
    public var lateSealDelayMs: Int64 = 2 * 60_000
    /// Whether a write is acknowledged only after it was synced to the disk. Without it a killed process loses
    /// nothing, a power failure at most ``walSyncIntervalMs``.
    public var syncBeforeAck = false
    public var walSyncIntervalMs: Int64 = 1_000
    public var maintenanceIntervalMs: Int64 = 15_000
    /// Samples waiting for the writer thread: a full one refuses batches at once.
    public var maxQueuedBytes = 64 << 20
    /// Compressed samples of open blocks. From half of it on the oldest blocks are sealed early; beyond it writes
    /// are refused.
    public var maxOpenBytes = 2 << 30
    /// Series with at least one sample within retention, all namespaces together.
    public var maxSeries = 10_000_000
    public var maxNamespaces = 1_000
    /// Threads that serve reads, and reads that may wait for one.
    public var readerThreads = 2
    public var maxQueuedReads = 1_024
    /// RocksDB's cache of uncompressed disk blocks.
    public var blockCacheBytes = 64 << 20
    /// RocksDB's write-ahead log.
    public var maxWalBytes = 512 << 20
    /// Whether the store runs ``TimeSeriesStore/maintain(now:)`` and the log's sync on threads of its own.
    public var runsMaintenance = true
    /// Sealing and folding hand chunks to the database in pieces of about this size.
    var maintenanceBatchBytes = 4 << 20
    /// Called after each such piece: where tests end a process.
    var afterMaintenanceBatch: (@Sendable () -> Void)?
    /// Milliseconds since 1970.
    public var clock: @Sendable () -> Int64 = StoreOptions.systemClock

    public init() {}

    func validate() throws(StorageError) {
        func require(_ holds: Bool, _ name: String, _ value: some Any, _ fix: String) throws(StorageError) {
            if !holds { throw .invalidOption(name: name, value: "\(value)", fix: fix) }
        }
        let year: Int64 = 366 * 86_400_000
        try require(
            (60_000...100 * year).contains(unaggregatedRetentionMs), "unaggregatedRetentionMs",
            unaggregatedRetentionMs, "one minute to 100 years")
        try require(
            (0...86_400_000).contains(futureLimitMs), "futureLimitMs", futureLimitMs, "0 to one day")
        try require((0...86_400_000).contains(sealDelayMs), "sealDelayMs", sealDelayMs, "0 to one day")
        try require(
            (0...86_400_000).contains(lateSealDelayMs), "lateSealDelayMs", lateSealDelayMs, "0 to one day")
        try require(
            (10...60_000).contains(walSyncIntervalMs), "walSyncIntervalMs", walSyncIntervalMs, "10 ms to one minute")
        try require(
            (10...3_600_000).contains(maintenanceIntervalMs), "maintenanceIntervalMs", maintenanceIntervalMs,
            "10 ms to one hour")
        try require(maxQueuedBytes >= 1 << 10, "maxQueuedBytes", maxQueuedBytes, "at least 1024")
        try require(maxOpenBytes >= 1 << 16, "maxOpenBytes", maxOpenBytes, "at least 65536")
        try require(
            (1...Int(UInt32.max) - 1).contains(maxSeries), "maxSeries", maxSeries, "1 to 4294967294")
        try require((1...60_000).contains(maxNamespaces), "maxNamespaces", maxNamespaces, "1 to 60000")
        try require((1...64).contains(readerThreads), "readerThreads", readerThreads, "1 to 64")
        try require(maxQueuedReads >= 1, "maxQueuedReads", maxQueuedReads, "at least 1")
        try require(blockCacheBytes >= 0, "blockCacheBytes", blockCacheBytes, "at least 0")
        try require(maxWalBytes >= 1 << 20, "maxWalBytes", maxWalBytes, "at least 1048576")
    }
}
