import Metrics

/// What becomes of every sample of one series: worked out once, kept in the cache, carried out per sample.
///
/// All bytes lie in one array, so that a plan costs three allocations however many messages it makes.
public final class SeriesPlan: Sendable {
    struct Message: Sendable {
        var shard: UInt32
        var type: MetricType
        var id: Range<Int>
        /// Contents of a StagedMetadatas.
        var metadata: Range<Int>
        var annotation: Range<Int>
    }

    let hash: UInt64
    let attributes: SeriesAttributes
    let bytes: [UInt8]
    let key: Range<Int>
    let labels: Range<Int>
    let messages: [Message]
    /// Whether the samples themselves are stored, beside what rules make of them.
    public let storesSamples: Bool
    /// Whether messages carry the sample's time only as the client's time and are put into windows by arrival.
    let isUntimed: Bool

    init(
        hash: UInt64, attributes: SeriesAttributes, bytes: [UInt8], key: Range<Int>, labels: Range<Int>,
        messages: [Message], storesSamples: Bool, isUntimed: Bool
    ) {
        self.hash = hash
        self.attributes = attributes
        self.bytes = bytes
        self.key = key
        self.labels = labels
        self.messages = messages
        self.storesSamples = storesSamples
        self.isUntimed = isUntimed
    }

    /// How many messages each sample makes.
    public var messageCount: Int { messages.count }

    /// About what the plan takes in memory.
    var cost: Int {
        bytes.capacity + messages.capacity * MemoryLayout<Message>.stride + 160
    }

    /// Lends the series' canonical labels.
    @inline(__always)
    public func withCanonicalLabels<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[labels])) }
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

    public var messageDescriptions: [MessageDescription] {
        messages.map {
            MessageDescription(
                shard: $0.shard, type: $0.type, id: Array(bytes[$0.id]), metadatas: Array(bytes[$0.metadata]),
                annotation: Array(bytes[$0.annotation]))
        }
    }
}
