import Dispatch
import Glibc
import Synchronization

/// Waiting for Ctrl-C or a request to terminate.
enum Interrupts {
    /// Suspends until SIGINT or SIGTERM arrives, or until the condition holds (asked every 50 ms).
    /// - Returns: the signal, or nil when the condition ended the wait.
    @discardableResult
    static func wait(orUntil isDone: @escaping @Sendable () -> Bool = { false }) async -> Int32? {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32?.self, bufferingPolicy: .bufferingNewest(1))
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + .milliseconds(50), repeating: .milliseconds(50))
        timer.setEventHandler { if isDone() { continuation.yield(nil) } }
        timer.resume()
        defer {
            timer.cancel()
            for source in sources { source.cancel() }
        }
        for await number in stream { return number }
        return nil
    }

    /// From now on a second Ctrl-C ends the process at once.
    static func allowForcedExit() {
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
    }
}
