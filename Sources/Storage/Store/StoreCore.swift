import Synchronization
import Telemetry

/// The state of a store and its parts; the steps are in the extensions of this class, one file each.
///
/// Locks, always taken in this order: `maintenanceLock` (sealing, folding, expiry: one at a time), `commitLock` (who
/// changes the registry or which blocks exist), `stateLock` (readers share it; whoever changes what readers see holds
/// it alone). The database is written before memory shows the change, under the commit lock or for keys that only
/// maintenance writes.
final class StoreCore: @unchecked Sendable {
    let directory: String
    let options: StoreOptions
    let database: Database
    let instruments: StoreInstruments
    let queue: WriteQueue
    let readers: ReaderPool

    let stateLock = ReadWriteLock()
    let commitLock = Mutex(())
    let maintenanceLock = Mutex(())

    // Guarded by stateLock.
    var namespaces: [NamespaceState] = []
    var namespaceIndexes: [Namespace: Int] = [:]
    let registry = SeriesRegistry()

    // Guarded by commitLock.
    var nextSequence: UInt64 = 1
    /// Series that may have lost their last block and are looked at piece by piece.
    var removalCandidates = SeriesBitmap()

    // Guarded by maintenanceLock.
    var generation: UInt32 = 0

    /// Whether something was written since the last sync of the log.
    let needsSync = Atomic<Bool>(false)
    let openBytes = Atomic<Int>(0)

    private let directoryLock: DirectoryLock
    private let lifecycle = Monitor()
    /// What the maintenance thread waits on, for the next interval or for a request.
    private let maintenanceWake = Monitor()
    private var isClosing = false
    private var isClosed = false
    private var threads: [DedicatedThread] = []

    init(directory: String, options: StoreOptions, registry telemetry: Registry) throws(StorageError) {
        try options.validate()
        self.directory = directory
        self.options = options
        directoryLock = try DirectoryLock(directory: directory)
        database = try Database(
            directory: directory + "/db", blockCacheBytes: options.blockCacheBytes, maxWalBytes: options.maxWalBytes)
        instruments = StoreInstruments(telemetry)
        queue = WriteQueue(limit: options.maxQueuedBytes)
        readers = ReaderPool(limit: options.maxQueuedReads)
        do {
            try recover(now: options.clock())
        } catch {
            database.close()
            throw error
        }
        updateGauges()
    }

    // MARK: Threads

    func startThreads() throws(StorageError) {
        try start("storage-write") { core in core.writeLoop() }
        for _ in 0..<options.readerThreads { try start("storage-read") { core in core.readers.work() } }
        guard options.runsMaintenance else { return }
        try start("storage-sync") { core in
            while core.pause(milliseconds: core.options.walSyncIntervalMs) { core.syncLog() }
            core.syncLog()
        }
        try start("storage-maint") { core in
            while core.pauseMaintenance() {
                core.maintain(now: core.options.clock())
            }
        }
    }

    private func start(_ name: String, _ body: @escaping @Sendable (StoreCore) -> Void) throws(StorageError) {
        threads.append(try DedicatedThread(name: name) { [self] in body(self) })
    }

    /// - Returns: false when the store closes.
    private func pause(milliseconds: Int64) -> Bool {
        lifecycle.withLock {
            if !isClosing { lifecycle.wait(milliseconds: milliseconds) }
            return !isClosing
        }
    }

    private func pauseMaintenance() -> Bool {
        maintenanceWake.withLock {
            if !isShuttingDown { maintenanceWake.wait(milliseconds: options.maintenanceIntervalMs) }
        }
        return !isShuttingDown
    }

    /// Makes the maintenance thread begin now, because memory runs short.
    func requestMaintenance() { maintenanceWake.withLock { maintenanceWake.signal() } }

    var isShuttingDown: Bool { lifecycle.withLock { isClosing } }

    func syncLog() {
        guard needsSync.exchange(false, ordering: .acquiringAndReleasing) else { return }
        do {
            try database.syncLog()
        } catch {
            needsSync.store(true, ordering: .releasing)
            instruments.syncFailures.add()
        }
    }

    /// Writes what waits, ends the threads and closes the database. A second call does nothing.
    func close() {
        let isFirst = lifecycle.withLock {
            defer { isClosing = true }
            lifecycle.signal()
            return !isClosing
        }
        guard isFirst else { return }
        requestMaintenance()
        queue.close()
        readers.close()
        for thread in threads { thread.join() }
        threads = []
        syncLog()
        // A maintenance step that was called from outside ends first.
        maintenanceLock.withLock { _ in
            lifecycle.withLock { isClosed = true }
            database.close()
            directoryLock.release()
        }
    }

    /// Whether the database may no longer be used. Asked under the maintenance lock.
    var isDatabaseClosed: Bool { lifecycle.withLock { isClosed } }

    // MARK: Gauges

    func updateGauges() {
        let figures = stateLock.read { () -> (samples: Int, bytes: Int, open: Int, sealed: Int) in
            var figures = (samples: 0, bytes: 0, open: 0, sealed: 0)
            for namespace in namespaces {
                for block in Array(namespace.open.values) + namespace.sealing.values.map(\.block) {
                    figures.samples += block.sampleCount
                    figures.bytes += block.memoryBytes
                    figures.open += 1
                }
                figures.sealed += namespace.sealed.count
            }
            instruments.series.set(Int64(registry.count))
            instruments.namespaces.set(Int64(namespaces.count))
            return figures
        }
        instruments.openSamples.set(Int64(figures.samples))
        instruments.openBytes.set(Int64(figures.bytes))
        instruments.openBlocks.set(Int64(figures.open))
        instruments.sealedBlockCount.set(Int64(figures.sealed))
        openBytes.store(figures.bytes, ordering: .relaxed)
    }
}
