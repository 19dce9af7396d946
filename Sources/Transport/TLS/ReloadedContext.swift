import Glibc
import Logging
import Synchronization

/// An ``OpenSSLContext`` that is made anew when its files change. Connections keep the one that they began with.
final class ReloadedContext: Sendable {
    /// What tells one content of a file from another without reading it.
    private struct Stamp: Equatable {
        var seconds = 0
        var nanoseconds = 0
        var inode: UInt = 0
        var size = 0

        init(_ file: String) {
            var status = stat()
            guard stat(file, &status) == 0 else { return }
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
        }
    }

    private struct State {
        var context: OpenSSLContext
        var stamps: [Stamp]
        var reloads = 0
    }

    private let files: [String]
    private let make: @Sendable () throws(TLSConfigurationError) -> OpenSSLContext
    private let state: Mutex<State>
    private let logger: Logger
    private let timer = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter interval: how often the files are looked at; nil: never.
    init(
        files: [String], interval: Duration?, logger: Logger,
        make: @escaping @Sendable () throws(TLSConfigurationError) -> OpenSSLContext
    ) throws(TLSConfigurationError) {
        self.files = files
        self.make = make
        self.logger = logger
        // Before the files are read: a change in between is then seen as one.
        let stamps = files.map { Stamp($0) }
        state = Mutex(State(context: try make(), stamps: stamps))
        guard let interval, !files.isEmpty else { return }
        let task = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                guard let self else { return }
                reloadIfChanged()
            }
        }
        timer.withLock { $0 = task }
    }

    deinit { timer.withLock { $0?.cancel() } }

    var current: OpenSSLContext { state.withLock { $0.context } }

    /// How often the files were read again with success.
    var reloads: Int { state.withLock { $0.reloads } }

    /// Keeps the former certificates when the new ones can't be used, and tries again at the next change.
    func reloadIfChanged() {
        let stamps = files.map { Stamp($0) }
        let isChanged = state.withLock { state in
            defer { state.stamps = stamps }
            return state.stamps != stamps
        }
        guard isChanged else { return }
        do throws(TLSConfigurationError) {
            let made = try make()
            state.withLock { state in
                state.context = made
                state.reloads += 1
            }
            logger.info("TLS certificates read again", metadata: ["files": "\(files.joined(separator: ", "))"])
        } catch {
            logger.warning("changed TLS files can't be used; the former ones stay", metadata: ["error": "\(error)"])
        }
    }
}
