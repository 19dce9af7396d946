import WireFormat

/// Messages that a flush made, one after the other in one piece of memory.
public final class FlushOutput {
    public enum Destination: UInt8, Sendable {
        /// An aggregated metric, for the topic aggregated_metrics.
        case aggregated
        /// A forwarded metric, for the topic aggregator_ingest.
        case ingest
    }

    public struct Entry: Sendable {
        public var destination: Destination
        public var shard: UInt32
        public var range: ByteRange
    }

    /// The bytes after which an output is handed on, so that a large flush takes little memory.
    static let chunkBytes = 1 << 20

    @exclusivity(unchecked) public private(set) var entries: [Entry] = []
    @exclusivity(unchecked) var bytes = ByteWriter(capacity: 1 << 16)

    init() {}

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { bytes.withUnsafeBytes { body($0) } }

    var isFull: Bool { bytes.count >= Self.chunkBytes }

    func add(_ destination: Destination, shard: UInt32, from start: Int) {
        entries.append(
            Entry(destination: destination, shard: shard, range: ByteRange(offset: start, count: bytes.count - start)))
    }

    func removeAll() {
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }
}
