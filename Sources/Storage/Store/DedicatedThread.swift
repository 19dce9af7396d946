#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thread of our own for calls that block, which must run neither on an event loop nor in the cooperative pool.
final class DedicatedThread: Sendable {
    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let id: pthread_t

    /// Starts a thread at once.
    /// - Parameter name: for the error when the system has no thread left.
    init(name: String, body: @escaping @Sendable () -> Void) throws(StorageError) {
        var id = pthread_t()
        let start = Unmanaged.passRetained(Start(body: body))
        let status = pthread_create(
            &id, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            throw .database(operation: "start the thread \(name)", message: String(cString: strerror(status)))
        }
        self.id = id
    }

    /// Waits until the body has returned. Call it once.
    func join() { pthread_join(id, nil) }
}
