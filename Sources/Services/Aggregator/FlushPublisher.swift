import Aggregator
import Logging
import MessageQueue
import NIOCore
import Synchronization
import Telemetry
import WireFormat

/// Sends what a flush produced: aggregated metrics to the coordinators, rollup values to the aggregator that owns
/// their shard.
final class FlushPublisher: Sendable {
    private struct Producers {
        var aggregated: Producer?
        var forwarded: Producer?
    }

    private let producers = Mutex(Producers())
    private let registry: Registry
    private let logger: Logger

    init(registry: Registry, logger: Logger) {
        self.registry = registry
        self.logger = logger
    }

    /// Names the producers: they come after the workers, since their routes need the ports of the servers.
    func set(aggregated: Producer, forwarded: Producer) {
        producers.withLock { $0 = Producers(aggregated: aggregated, forwarded: forwarded) }
    }

    /// Queues one chunk. What a producer refuses is counted: the values are lost for good.
    func publish(_ output: FlushOutput) {
        let bytes = output.withUnsafeBytes { ByteBuffer(bytes: $0) }
        var toCoordinators = PayloadBatch(bytes: bytes)
        var toAggregators = PayloadBatch(bytes: bytes)
        toCoordinators.entries.reserveCapacity(output.entries.count)
        for entry in output.entries {
            let place = PayloadBatch.Entry(
                shard: entry.shard, offset: entry.range.offset, length: entry.range.count)
            switch entry.destination {
            case .aggregated: toCoordinators.entries.append(place)
            case .ingest: toAggregators.entries.append(place)
            }
        }
        let producers = producers.withLock { $0 }
        send(toCoordinators, to: producers.aggregated, destination: "aggregated")
        send(toAggregators, to: producers.forwarded, destination: "ingest")
    }

    private func send(_ batch: PayloadBatch, to producer: Producer?, destination: String) {
        guard !batch.entries.isEmpty else { return }
        do throws(ProducerError) {
            guard let producer else { throw .closed }
            try producer.produce(batch)
        } catch {
            registry.counter(
                "m3agg_aggregator_unpublished_total", help: "Messages of a flush that no queue took.",
                labels: [("destination", destination), ("reason", error.reason)]
            ).add(batch.entries.count)
            logger.error(
                "a part of a flush was not queued",
                metadata: ["destination": "\(destination)", "messages": "\(batch.entries.count)", "error": "\(error)"])
        }
    }
}
