import Synchronization
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What is done beside writing and reading: expiry, sealing, folding, in this order. A step that fails is counted and
/// done again the next time; nothing is lost by it.
extension StoreCore {
    func maintain(now: Int64) {
        maintenanceLock.withLock { _ in
            guard !isDatabaseClosed else { return }
            step { () throws(StorageError) in try expire(now: now) }
            step { () throws(StorageError) in try seal(now: now) }
            step { () throws(StorageError) in try fold(now: now) }
            updateGauges()
            instruments.diskBytes.set(Int64(diskBytes))
        }
    }

    private func step(_ body: () throws(StorageError) -> Void) {
        do { try body() } catch { instruments.maintenanceFailures.add() }
    }

    /// All files of the database, the log included.
    var diskBytes: Int {
        let path = directory + "/db"
        guard let listing = opendir(path) else { return 0 }
        defer { closedir(listing) }
        var total = 0
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var status = stat()
            if stat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
                total += Int(status.st_size)
            }
        }
        return total
    }
}
