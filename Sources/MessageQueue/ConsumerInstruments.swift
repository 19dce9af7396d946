import Telemetry

/// The counters of one consumer server. Frames = decoded + bad{reason}.
final class ConsumerInstruments: Sendable {
    /// Why a frame, or the stream it stood in, was bad.
    enum BadFrame: Hashable {
        case tooLarge
        case truncated
        case undecodable(String)

        var reason: String {
            switch self {
            case .tooLarge: "frame_too_large"
            case .truncated: "truncated_frame"
            case .undecodable(let reason): reason
            }
        }
    }

    let decoded: Counter
    let bytes: Counter
    let acks: Counter
    let acksDropped: Counter
    let connections: Gauge
    let opened: Counter
    private let registry: Registry
    private let labels: [(String, String)]

    init(registry: Registry, server: String) {
        self.registry = registry
        labels = [("server", server)]
        decoded = registry.counter(
            "m3agg_message_queue_consumer_frames_decoded_total", help: "Message frames decoded.", labels: labels)
        bytes = registry.counter(
            "m3agg_message_queue_consumer_read_bytes_total", help: "Bytes read from producers.", labels: labels)
        acks = registry.counter(
            "m3agg_message_queue_consumer_acks_total", help: "Acknowledgements written.", labels: labels)
        acksDropped = registry.counter(
            "m3agg_message_queue_consumer_acks_dropped_total",
            help: "Acknowledgements that no connection was left for; the producer sends the messages again.",
            labels: labels + [("reason", "connection_closed")])
        connections = registry.gauge(
            "m3agg_message_queue_consumer_connections", help: "Open connections.", labels: labels)
        opened = registry.counter(
            "m3agg_message_queue_consumer_connections_opened_total", help: "Connections accepted.", labels: labels)
    }

    func countBad(_ frame: BadFrame) {
        registry.counter(
            "m3agg_message_queue_consumer_frames_bad_total",
            help: "Frames that could not be decoded; each costs its connection.",
            labels: labels + [("reason", frame.reason)]
        ).add(1)
    }

    func countClosed(_ reason: ConsumerCloseReason) {
        registry.counter(
            "m3agg_message_queue_consumer_connections_closed_total", help: "Connections closed, by reason.",
            labels: labels + [("reason", reason.rawValue)]
        ).add(1)
    }
}

/// Why a consumer's connection ended.
enum ConsumerCloseReason: String {
    case endOfStream = "end_of_stream"
    case badFrame = "bad_frame"
    case connectionLimit = "connection_limit"
    case idle
    case writeTimeout = "write_timeout"
    case readError = "read_error"
    case writeError = "write_error"
    case requested
}
