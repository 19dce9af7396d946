import Coordinator
import MessageQueue
import Metrics
import Synchronization
import Telemetry
import WireFormat

/// Takes `aggregated_metrics` off the queue and acknowledges each message after storage has it.
///
/// Messages of our own producers that had been stored before are acknowledged without another write.
final class AggregatedConsumer: MessageConsumer {
    private let ingester: AggregatedIngester
    private let redelivery = Mutex(RedeliveryFilter())
    private let redelivered: Counter

    init(ingester: AggregatedIngester, registry: Registry) {
        self.ingester = ingester
        redelivered = registry.counter(
            "m3agg_coordinator_redelivered_total",
            help: "Aggregated metrics that had been stored before and were only acknowledged.")
    }

    func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        let now = WallClock.nowNanos()
        let (known, new) = redelivery.withLock { filter in
            var known: [Int] = []
            var new: [Int] = []
            new.reserveCapacity(batch.messages.count)
            for (index, message) in batch.messages.enumerated() {
                let isKnown =
                    message.producerEpoch != 0
                    && filter.isApplied(epoch: message.producerEpoch, shard: message.shard, id: message.id, now: now)
                if isKnown { known.append(index) } else { new.append(index) }
            }
            return (known, new)
        }
        if !known.isEmpty {
            redelivered.add(known.count)
            connection.acknowledge(batch, indices: known)
        }
        guard !new.isEmpty else { return }
        let payloads = new.map { batch.messages[$0].value }
        batch.withBytes { bytes in
            ingester.ingest(bytes, payloads: payloads, nowNanos: now) { [weak self] acknowledgement in
                let indices =
                    switch acknowledgement {
                    case .all: new
                    case .only(let done): done.map { new[$0] }
                    }
                self?.markApplied(indices, of: batch)
                connection.acknowledge(batch, indices: indices)
            }
        }
    }

    private func markApplied(_ indices: [Int], of batch: MessageBatch) {
        let now = WallClock.nowNanos()
        redelivery.withLock { filter in
            for index in indices where batch.messages[index].producerEpoch != 0 {
                let message = batch.messages[index]
                filter.markApplied(epoch: message.producerEpoch, shard: message.shard, id: message.id, now: now)
            }
        }
    }

    /// Forgets producers that have been silent for long.
    func expire() {
        let now = WallClock.nowNanos()
        redelivery.withLock { $0.expire(now: now) }
    }
}
