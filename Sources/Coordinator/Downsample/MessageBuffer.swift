import Metrics
import WireFormat

/// Messages for the topic `aggregator_ingest`, one behind the other in one buffer.
public final class MessageBuffer {
    public struct Entry: Sendable {
        /// The shard of the id, before any replica is added.
        public var shard: UInt32
        /// Where the payload lies.
        public var range: ByteRange
    }

    public private(set) var entries: [Entry] = []
    private var bytes: ByteWriter

    /// - Parameter capacity: bytes to allocate at once.
    public init(capacity: Int = 0) { bytes = ByteWriter(capacity: capacity) }

    public var isEmpty: Bool { entries.isEmpty }

    /// The number of messages.
    public var count: Int { entries.count }

    public var byteCount: Int { bytes.count }

    /// Forgets the messages; the memory is kept for the next ones.
    public func removeAll() {
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    /// Lends all payloads.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes(body)
    }

    /// Adds what a plan makes of one sample.
    /// - Parameter timeNanos: nanoseconds since 1970.
    func append(_ plan: SeriesPlan, timeNanos: Int64, value: Double) {
        guard !plan.messages.isEmpty else { return }
        plan.bytes.withUnsafeBytes { source in
            for message in plan.messages {
                let start = bytes.count
                if plan.isUntimed {
                    appendUntimed(message, source, timeNanos, value)
                } else {
                    MetricWriter.appendTimed(
                        message.template, of: source, type: message.type, timeNanos: timeNanos, value: value, to: &bytes
                    )
                }
                entries.append(
                    Entry(shard: message.shard, range: ByteRange(offset: start, count: bytes.count &- start)))
            }
        }
    }

    private func appendUntimed(
        _ message: SeriesPlan.Message, _ source: UnsafeRawBufferPointer, _ timeNanos: Int64, _ value: Double
    ) {
        let id = source.part(message.template.id).bytes
        let metadata = source.part(message.template.metadatas).bytes
        let annotation = source.part(message.template.annotation).bytes
        switch message.type {
        case .counter:
            MetricWriter.appendCounter(
                id: id, value: Self.integer(value), annotation: annotation, clientTimeNanos: timeNanos,
                metadatas: metadata, to: &bytes)
        case .timer:
            let values = [value]
            MetricWriter.appendBatchTimer(
                id: id, values: values.span, annotation: annotation, clientTimeNanos: timeNanos, metadatas: metadata,
                to: &bytes)
        case .gauge, .unknown:
            MetricWriter.appendGauge(
                id: id, value: value, annotation: annotation, clientTimeNanos: timeNanos, metadatas: metadata,
                to: &bytes)
        }
    }

    /// The whole part, held inside what 64 bits can say; NaN counts nothing.
    private static func integer(_ value: Double) -> Int64 {
        if value.isNaN { return 0 }
        return Int64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
    }
}
