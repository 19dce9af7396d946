import Glibc

/// The embedded store's log on disk: `kv.log` in a directory that `kv.lock` keeps to one process.
///
/// An append has been synced when it returns. A crash can only cut the last record short, which `open` removes; a damaged record
/// with good ones behind it is an error, never a silent loss.
final class LogFile {
    static let magic: [UInt8] = Array("m3aggkv1".utf8)

    private let directory: String
    private let lock: Int32
    private var file: Int32
    /// Bytes in the file, all of them whole records behind the magic.
    private(set) var size: Int
    /// Set when the disk's content is no longer known; nothing is written from then on.
    private var failure: String?

    private var path: String { "\(directory)/kv.log" }

    /// Takes the directory (made when absent) and gives the records found. Throws `locked`, `corrupted`, `unavailable`.
    static func open(directory: String) throws(KeyValueError) -> (file: LogFile, records: [LogRecord]) {
        try makeDirectories(directory)
        let lock = try FileCall.check("open \(directory)/kv.lock") {
            Glibc.open("\(directory)/kv.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw .locked(directory: directory)
        }
        do {
            return try openLocked(directory: directory, lock: lock)
        } catch {
            flock(lock, LOCK_UN)
            close(lock)
            throw error
        }
    }

    private static func openLocked(
        directory: String, lock: Int32
    ) throws(KeyValueError) -> (file: LogFile, records: [LogRecord]) {
        let path = "\(directory)/kv.log"
        unlink("\(path).new")
        let descriptor = try FileCall.check("open \(path)") { Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        do {
            let bytes = try FileCall.readAll(descriptor, path: path)
            var (records, end) = try scan(bytes, path: path)
            if end < magic.count {
                try FileCall.check("truncate \(path)") { ftruncate(descriptor, 0) }
                try FileCall.writeAll(descriptor, magic, at: 0, path: path)
                end = magic.count
            } else if end < bytes.count {
                try FileCall.check("truncate \(path)") { ftruncate(descriptor, off_t(end)) }
            }
            try FileCall.check("sync \(path)") { fsync(descriptor) }
            try FileCall.syncDirectory(directory)
            return (LogFile(directory: directory, lock: lock, file: descriptor, size: end, failure: nil), records)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// The whole records of a log and where they end.
    static func scan(_ bytes: [UInt8], path: String) throws(KeyValueError) -> (records: [LogRecord], end: Int) {
        guard bytes.count >= magic.count else {
            guard magic.starts(with: bytes) || bytes.allSatisfy({ $0 == 0 }) else {
                throw .corrupted(path: path, offset: 0, reason: "it does not start as a log of this store")
            }
            return ([], 0)
        }
        guard bytes.starts(with: magic) else {
            throw .corrupted(path: path, offset: 0, reason: "it does not start as a log of this store")
        }
        var records: [LogRecord] = []
        var offset = magic.count
        while offset < bytes.count {
            guard let (record, end) = LogRecord.read(bytes, at: offset) else {
                if LogRecord.anyRecord(in: bytes, from: offset + 1) {
                    throw .corrupted(path: path, offset: offset, reason: "a damaged record stands before good ones")
                }
                break
            }
            records.append(record)
            offset = end
        }
        return (records, offset)
    }

    /// Appends and syncs. After an error of the write itself the file is cut back to what it held; after one of the sync nothing
    /// more is accepted, since the kernel may have dropped the pages.
    func append(_ bytes: [UInt8]) throws(KeyValueError) {
        if let failure { throw .unavailable(failure) }
        do {
            try FileCall.writeAll(file, bytes, at: size, path: path)
        } catch {
            if ftruncate(file, off_t(size)) != 0 { failure = "\(error); restart after the disk is repaired" }
            throw error
        }
        do {
            try FileCall.check("sync \(path)") { fsync(file) }
        } catch {
            failure = "\(error); restart after the disk is repaired"
            throw error
        }
        size += bytes.count
    }

    /// Replaces the whole content: written beside, synced, renamed over. On an error the old log stays in use.
    func replace(with records: [UInt8]) throws(KeyValueError) {
        if let failure { throw .unavailable(failure) }
        let newPath = "\(path).new"
        let descriptor = try FileCall.check("open \(newPath)") {
            Glibc.open(newPath, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        }
        do {
            try FileCall.writeAll(descriptor, Self.magic + records, at: 0, path: newPath)
            try FileCall.check("sync \(newPath)") { fsync(descriptor) }
            try FileCall.check("rename \(newPath)") { rename(newPath, path) }
        } catch {
            close(descriptor)
            unlink(newPath)
            throw error
        }
        close(file)
        file = descriptor
        size = Self.magic.count + records.count
        do {
            try FileCall.syncDirectory(directory)
        } catch {
            failure = "\(error); restart after the disk is repaired"
            throw error
        }
    }

    private init(directory: String, lock: Int32, file: Int32, size: Int, failure: String?) {
        self.directory = directory
        self.lock = lock
        self.file = file
        self.size = size
        self.failure = failure
    }

    deinit {
        close(file)
        // Closing is not enough: a child that this process is just starting shares the lock until its exec.
        flock(lock, LOCK_UN)
        close(lock)
    }

    private static func makeDirectories(_ directory: String) throws(KeyValueError) {
        var partial = directory.hasPrefix("/") ? "/" : ""
        for component in directory.split(separator: "/") {
            partial += partial.isEmpty || partial.hasSuffix("/") ? String(component) : "/\(component)"
            if mkdir(partial, 0o755) != 0, errno != EEXIST {
                throw .unavailable(FileCall.message("make directory \(partial)", errno))
            }
        }
    }
}
