import Logging
import Synchronization
import Telemetry

/// The counters of the raw TCP server, and its log with a limit per second.
final class RawTCPInstruments: Sendable {
    let payloads: Counter
    let bytes: Counter
    let connections: Gauge
    let opened: Counter
    private let suppressed: Counter
    private let registry: Registry
    private let logger: Logger
    private let limit: Int64
    private let logged = Mutex<(second: Int64, count: Int64)>((0, 0))

    init(registry: Registry, logger: Logger, errorLogLimitPerSecond: Int64) {
        self.registry = registry
        self.logger = logger
        limit = errorLogLimitPerSecond
        payloads = registry.counter("m3agg_raw_tcp_frames_total", help: "Frames cut out of the streams of raw TCP.")
        bytes = registry.counter("m3agg_raw_tcp_read_bytes_total", help: "Bytes read from raw TCP connections.")
        connections = registry.gauge("m3agg_raw_tcp_connections", help: "Open raw TCP connections.")
        opened = registry.counter("m3agg_raw_tcp_connections_opened_total", help: "Raw TCP connections accepted.")
        suppressed = registry.counter(
            "m3agg_raw_tcp_errors_not_logged_total", help: "Errors beyond the limit of the log; they are counted.")
    }

    func countBroken(_ reason: String) {
        registry.counter(
            "m3agg_raw_tcp_streams_broken_total", help: "Streams that could not be followed to their end, by reason.",
            labels: [("reason", reason)]
        ).add(1 as UInt64)
    }

    func countRefusedConnection() {
        registry.counter(
            "m3agg_raw_tcp_connections_refused_total", help: "Connections beyond the limit, closed at once."
        ).add(1 as UInt64)
    }

    /// Logs unless the second's share is used up.
    /// - Parameter now: seconds of any clock.
    func log(_ message: Logger.Message, _ metadata: Logger.Metadata, now: Int64) {
        let isAllowed = logged.withLock { state in
            if state.second != now { state = (now, 0) }
            state.count += 1
            return limit <= 0 || state.count <= limit
        }
        guard isAllowed else { return suppressed.add(1 as UInt64) }
        logger.warning(message, metadata: metadata)
    }
}
