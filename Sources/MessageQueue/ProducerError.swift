/// Why ``Producer/produce(_:)`` refused a batch. Nothing of a refused batch was queued.
public enum ProducerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// For some messages of the batch no responsible replica has room. Try again later.
    case bufferFull(service: String, bufferedBytes: Int, limit: Int)
    /// The batch alone is larger than a buffer. Split it.
    case batchTooLarge(bytes: Int, limit: Int)
    case shardOutOfRange(shard: UInt32, shards: Int)
    /// An entry's range isn't inside the batch's bytes.
    case entryOutOfBounds(offset: UInt32, length: UInt32, bytes: Int)
    case closed

    /// A stable name for counters.
    public var reason: String {
        switch self {
        case .bufferFull: "buffer_full"
        case .batchTooLarge: "batch_too_large"
        case .shardOutOfRange: "shard_out_of_range"
        case .entryOutOfBounds: "entry_out_of_bounds"
        case .closed: "closed"
        }
    }

    public var description: String {
        switch self {
        case .bufferFull(let service, let buffered, let limit):
            "producer: buffers of \(service) hold \(buffered) of \(limit) bytes; try again later"
        case .batchTooLarge(let bytes, let limit):
            "producer: a batch of \(bytes) bytes exceeds the buffer of \(limit) bytes; split it"
        case .shardOutOfRange(let shard, let shards):
            "producer: shard \(shard) is outside the topic's \(shards) shards; take the id's hash modulo \(shards)"
        case .entryOutOfBounds(let offset, let length, let bytes):
            "producer: an entry of \(length) bytes at \(offset) is outside the batch's \(bytes) bytes"
        case .closed: "producer: it is closed"
        }
    }
}
