import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes log lines of bounded length to standard error, whole lines at a time.
public struct StructuredLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let label: String
    private let format: LogFormat
    private let clock: @Sendable () -> Int64
    private let sink: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - clock: nanoseconds since 1970.
    ///   - sink: takes one line with its line feed; any thread calls it.
    public init(
        label: String, level: Logger.Level = .info, format: LogFormat = .logfmt,
        clock: @escaping @Sendable () -> Int64 = StructuredLogHandler.systemNanos,
        sink: @escaping @Sendable ([UInt8]) -> Void = StructuredLogHandler.writeToStandardError
    ) {
        self.label = label
        logLevel = level
        self.format = format
        self.clock = clock
        self.sink = sink
    }

    /// Makes every `Logger` of the process write through this handler. To be called once, before the first logger.
    public static func bootstrap(level: Logger.Level, format: LogFormat) {
        LoggingSystem.bootstrap { StructuredLogHandler(label: $0, level: level, format: format) }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { $1 }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        sink(
            format.line(
                timeNanos: clock(), level: event.level, label: label, message: event.message.description,
                metadata: all.map { (key: $0.key, value: $0.value.description) }.sorted { $0.key < $1.key }))
    }

    public static let systemNanos: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    public static let writeToStandardError: @Sendable ([UInt8]) -> Void = { line in
        standardError.withLock { _ in
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let slice = UnsafeRawBufferPointer(rebasing: rest)
                    let written = write(STDERR_FILENO, slice.baseAddress, slice.count)
                    if written < 0, errno == EINTR { continue }
                    // Nobody reads any more: there is no one to tell.
                    guard written > 0 else { return }
                    rest = rest.dropFirst(written)
                }
            }
        }
    }

    private static let standardError = Mutex<Void>(())
}
