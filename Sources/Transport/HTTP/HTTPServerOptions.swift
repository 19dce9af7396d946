/// The limits of an ``HTTPServer``. Times are nanoseconds.
public struct HTTPServerOptions: Sendable {
    /// A larger body is answered 413. 32 MiB is four times what Prometheus sends at its largest setting in use.
    public var maxBodyBytes = 32 * 1024 * 1024
    /// All bodies being received and handled together; beyond it the answer is 503 with Retry-After.
    public var maxBodyBytesInFlight = 256 * 1024 * 1024
    /// More connections wait in the listen backlog.
    public var maxConnections = 1024
    /// All header fields of a request together.
    public var maxHeaderBytes = 64 * 1024
    public var maxHeaderCount = 200
    /// A connection without a request, or on which a request stalls, is closed after this long.
    public var idleTimeoutNanos: Int64 = 75_000_000_000
    /// A body has to be complete this long after its head, however busily it drips in.
    public var bodyTimeoutNanos: Int64 = 30_000_000_000
    /// What ``HTTPServer/stop()`` grants requests in progress.
    public var shutdownTimeoutNanos: Int64 = 10_000_000_000
    /// Nil: plain HTTP.
    public var tls: TLSServerContext?

    public init() {}
}
