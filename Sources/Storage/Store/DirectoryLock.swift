import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Keeps a directory to one store at a time, also between processes; a process that dies gives it up.
final class DirectoryLock: Sendable {
    private let descriptor: Atomic<Int32>

    /// Makes the directory and its parents if they are missing.
    init(directory: String) throws(StorageError) {
        try Self.makeDirectory(directory)
        let path = directory + "/store.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .database(operation: "open '\(path)'", message: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            Self.closeFile(descriptor)
            if code == EWOULDBLOCK { throw .directoryInUse(directory) }
            throw .database(operation: "lock '\(path)'", message: String(cString: strerror(code)))
        }
        self.descriptor = Atomic(descriptor)
    }

    deinit { release() }

    /// Lets others have the directory. A second call does nothing.
    func release() {
        let descriptor = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        if descriptor >= 0 { Self.closeFile(descriptor) }
    }

    private static func closeFile(_ descriptor: Int32) { close(descriptor) }

    private static func makeDirectory(_ directory: String) throws(StorageError) {
        guard !directory.isEmpty else {
            throw .invalidOption(name: "directory", value: directory, fix: "name a directory")
        }
        var path = directory.hasPrefix("/") ? "" : "."
        for part in directory.split(separator: "/") {
            path += "/" + part
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
                throw .database(operation: "make directory '\(path)'", message: String(cString: strerror(errno)))
            }
        }
    }
}
