import MessageQueue

/// Where published messages go.
enum FlushDestination: Sendable {
    /// A topic, through a producer whose buffers hold so many bytes each.
    case topic(Producer, maxBufferBytes: Int)
    /// A part of a topic's consumers, or a topic with shards of its own: what the selection lets through.
    case selected(OutputSelection, Producer, maxBufferBytes: Int)
    /// Straight to the instances of a placement.
    case instances(InstanceClient)
    /// Nowhere: counted and forgotten.
    case blackhole(name: String)
    /// The log, a line for each message.
    case log(name: String)

    /// Whether the queues are at most half full, so that a part of a flush fits, and how many messages were taken from
    /// them so far. Of the instances of a REPLICATED service it's the emptiest that counts: what a dead one misses must
    /// not hold up the others.
    var state: (hasRoom: Bool, acked: UInt64) {
        switch self {
        case .topic(let producer, let limit), .selected(_, let producer, let limit):
            var hasRoom = true
            var acked: UInt64 = 0
            for service in producer.stats.services {
                acked &+= service.acked
                if let least = service.replicas.map(\.bufferedBytes).min(), least > limit / 2 { hasRoom = false }
            }
            return (hasRoom, acked)
        case .instances(let client):
            let stats = client.stats
            return (!stats.isHalfFull, stats.sent)
        case .blackhole, .log: return (true, 0)
        }
    }

    /// The producer of a topic; nil where none is.
    var producer: Producer? {
        switch self {
        case .topic(let producer, _), .selected(_, let producer, _): producer
        case .instances, .blackhole, .log: nil
        }
    }
}
