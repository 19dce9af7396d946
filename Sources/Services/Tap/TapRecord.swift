import Metrics
import WireFormat

/// One m3msg message as a person or a program reads it.
public struct TapRecord: Sendable, Encodable {
    /// `aggregated` for the topic aggregated_metrics, else the kind of ingest payload, or `bad`.
    public var kind: String
    public var shard: UInt64
    /// The message id, counted by the producer per shard.
    public var messageID: UInt64
    public var type: String?
    /// The id as labels when it is an encoded tag set, else as text.
    public var id: String?
    /// Nanoseconds since 1970: the window's end or the time of the sample.
    public var timeNanos: Int64?
    /// All numbers of the message.
    public var values: [Double]?
    public var policy: String?
    /// Of aggregated metrics: the term of the leader that published it; nil for none.
    public var term: UInt64?
    /// Of bad messages: what is wrong.
    public var error: String?

    /// The most numbers of a batch that are shown.
    public static let maxValues = 64

    init(kind: String, message: MessageView) {
        self.kind = kind
        shard = message.shard
        messageID = message.id
    }

    /// Reads a message of either topic: an aggregated metric begins with a sub-message, an ingest payload with its type.
    public init(_ message: MessageView, in bytes: RawSpan) {
        let isAggregated =
            message.value.count > 0 && bytes.unsafeLoad(fromByteOffset: message.value.offset, as: UInt8.self) == 0x0a
        do throws(WireError) {
            if isAggregated {
                self.init(kind: "aggregated", message: message)
                let metric = try AggregatedMetricReader.read(bytes, in: message.value)
                id = Self.text(metric.id.array(from: bytes))
                timeNanos = metric.timeNanos
                values = [metric.value]
                policy = metric.storagePolicy.description
                term = metric.term == 0 ? nil : metric.term
                return
            }
            let metric = try MetricReader.read(bytes, in: message.value)
            self.init(kind: "\(metric.kind)", message: message)
            type = metric.metricType.name
            id = Self.text(metric.id.array(from: bytes))
            switch metric.kind {
            case .counter:
                values = [Double(metric.counterValue)]
            case .batchTimer, .forwarded:
                values = (0..<min(metric.valueCount, Self.maxValues)).map { metric.value(at: $0, in: bytes) }
            default:
                values = [metric.value]
            }
            timeNanos = metric.timeNanos != 0 ? metric.timeNanos : nil
        } catch {
            self.init(kind: "bad", message: message)
            self.error = "\(error)"
        }
    }

    private static func text(_ id: [UInt8]) -> String {
        if let labels = try? Labels(encodedTags: id), !labels.isEmpty { return labels.description }
        return String(decoding: id, as: UTF8.self)
    }

    /// One line: kind, id, values, time and policy.
    public var line: String {
        if let error { return "bad shard=\(shard) id=\(messageID): \(error)" }
        var text = "\(kind) \(id ?? "")"
        text += " " + (values ?? []).map { "\($0)" }.joined(separator: ",")
        if let timeNanos { text += " @\(timeNanos / 1_000_000)ms" }
        if let policy { text += " \(policy)" }
        return text
    }
}
