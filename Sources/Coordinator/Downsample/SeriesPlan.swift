import Metrics
import Storage
import Synchronization
import WireFormat

/// What becomes of every sample of one series: worked out once, kept in the cache, carried out per sample.
///
/// All bytes of messages lie in one array, so that a plan costs five allocations however many messages it makes.
public final class SeriesPlan: Sendable {
    struct Message: Sendable {
        var shard: UInt32
        var type: MetricType
        /// A whole message of a timed metric, in which time and value are filled in for each sample.
        var template: TimedTemplate
    }

    let hash: UInt64
    let attributes: SeriesAttributes
    let bytes: [UInt8]
    let key: Range<Int>
    /// For the store: its labels, and where the store keeps it.
    public let series: SeriesReference
    let messages: [Message]
    /// Whether the samples themselves are stored, beside what rules make of them.
    public let storesSamples: Bool
    /// Whether the cache gave the plan out since its clock hand came by.
    let wasUsed = Atomic<Bool>(true)
    /// Whether messages carry the sample's time only as the client's time and are put into windows by arrival.
    let isUntimed: Bool

    init(
        hash: UInt64, attributes: SeriesAttributes, bytes: [UInt8], key: Range<Int>, series: SeriesReference,
        messages: [Message], storesSamples: Bool, isUntimed: Bool
    ) {
        self.hash = hash
        self.attributes = attributes
        self.bytes = bytes
        self.key = key
        self.series = series
        self.messages = messages
        self.storesSamples = storesSamples
        self.isUntimed = isUntimed
    }

    /// How many messages each sample makes.
    public var messageCount: Int { messages.count }

    /// About what the plan takes in memory.
    var cost: Int {
        bytes.capacity + series.canonicalLabels.capacity + messages.capacity * MemoryLayout<Message>.stride + 240
    }

    /// Lends the series' canonical labels.
    @inline(__always)
    public func withCanonicalLabels<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try series.canonicalLabels.withUnsafeBytes(body)
    }

    /// What a message is made of, for tests and for showing what rules do.
    public struct MessageDescription: Sendable {
        public var shard: UInt32
        public var type: MetricType
        public var id: [UInt8]
        /// Contents of a StagedMetadatas.
        public var metadatas: [UInt8]
        public var annotation: [UInt8]
    }

    private func array(_ range: ByteRange) -> [UInt8] { Array(bytes[range.offset..<range.end]) }

    public var messageDescriptions: [MessageDescription] {
        messages.map {
            MessageDescription(
                shard: $0.shard, type: $0.type, id: array($0.template.id), metadatas: array($0.template.metadatas),
                annotation: array($0.template.annotation))
        }
    }
}
