import Aggregator
import Logging
import MessageQueue
import NIOCore
import Synchronization
import Telemetry
import WireFormat

/// Sends what a flush produced: aggregated metrics to every output, rollup values to the aggregator that owns their
/// shard.
final class FlushPublisher: Sendable {
    private struct Destinations {
        var outputs: [FlushDestination] = []
        var forwarded: FlushDestination?
    }

    private let destinations = Mutex(Destinations())
    private let registry: Registry
    private let logger: Logger

    init(registry: Registry, logger: Logger) {
        self.registry = registry
        self.logger = logger
    }

    /// Names the destinations: they come after the workers, since their routes need the ports of the servers.
    func set(outputs: [FlushDestination], forwarded: FlushDestination?) {
        destinations.withLock { $0 = Destinations(outputs: outputs, forwarded: forwarded) }
    }

    /// One topic for aggregated metrics, one for rollups.
    func set(aggregated: Producer, forwarded: Producer) {
        let limit = ProducerOptions().maxBufferBytes
        set(
            outputs: [.topic(aggregated, maxBufferBytes: limit)],
            forwarded: .topic(forwarded, maxBufferBytes: limit))
    }

    /// Whether a flush may go on, or has to wait until the queues have room.
    func mayContinue(_ pace: inout FlushPace, now: Int64) -> Bool {
        let destinations = destinations.withLock { $0 }
        var hasRoom = true
        var acked: UInt64 = 0
        for destination in destinations.outputs + (destinations.forwarded.map { [$0] } ?? []) {
            let state = destination.state
            acked &+= state.acked
            if !state.hasRoom { hasRoom = false }
        }
        return pace.mayContinue(hasRoom: hasRoom, acked: acked, now: now)
    }

    /// Queues one chunk. What a producer refuses is counted: the values are lost for good.
    /// - Parameter tracking: makes what is told of the end of each batch; nil for nobody who asks.
    func publish(_ output: FlushOutput, tracking: (() -> BatchCompletion)? = nil) {
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
        let destinations = destinations.withLock { $0 }
        if destinations.outputs.isEmpty { send(toCoordinators, to: nil, "aggregated") }
        for destination in destinations.outputs {
            if !toCoordinators.entries.isEmpty { toCoordinators.completion = tracking?() }
            send(toCoordinators, to: destination, "aggregated")
        }
        if !toAggregators.entries.isEmpty { toAggregators.completion = tracking?() }
        send(toAggregators, to: destinations.forwarded, "ingest")
    }

    private func send(_ batch: PayloadBatch, to destination: FlushDestination?, _ kind: String) {
        guard !batch.entries.isEmpty else { return }
        switch destination {
        case .selected(let selection, let producer, _):
            let rest = selection.apply(to: batch)
            guard !rest.entries.isEmpty else {
                batch.completion?.finishIfUnused()
                return
            }
            do throws(ProducerError) {
                try producer.produce(rest)
            } catch {
                refuse(rest, kind, error)
            }
        case .instances(let client):
            client.send(batch)
            // Raw TCP has no acknowledgements.
            batch.completion?.finishIfUnused()
        case .topic(let producer, _):
            do throws(ProducerError) {
                try producer.produce(batch)
            } catch {
                refuse(batch, kind, error)
            }
        case .blackhole(let name):
            countPublished(batch, name, "blackhole")
            batch.completion?.finishIfUnused()
        case .log(let name):
            batch.completion?.finishIfUnused()
            countPublished(batch, name, "log")
            for entry in batch.entries { log(entry, of: batch, name) }
        case nil: refuse(batch, kind, .closed)
        }
    }

    /// Drops what waits for acknowledgement: another instance leads and publishes it again.
    func dropSuperseded() {
        let destinations = destinations.withLock { $0 }
        for destination in destinations.outputs + (destinations.forwarded.map { [$0] } ?? []) {
            destination.producer?.dropSuperseded()
        }
    }

    private func refuse(_ batch: PayloadBatch, _ kind: String, _ error: ProducerError) {
        batch.completion?.finishIfUnused()
        registry.counter(
            "m3agg_aggregator_unpublished_total", help: "Messages of a flush that no queue took.",
            labels: [("destination", kind), ("reason", error.reason)]
        ).add(batch.entries.count)
        logger.error(
            "a part of a flush was not queued",
            metadata: ["destination": "\(kind)", "messages": "\(batch.entries.count)", "error": "\(error)"])
    }

    private func countPublished(_ batch: PayloadBatch, _ name: String, _ type: String) {
        registry.counter(
            "m3agg_aggregator_static_output_total", help: "Aggregated metrics given to outputs that keep nothing.",
            labels: [("output", name), ("type", type)]
        ).add(batch.entries.count)
    }

    private func log(_ entry: PayloadBatch.Entry, of batch: PayloadBatch, _ name: String) {
        let payload = ByteRange(offset: Int(entry.offset), count: Int(entry.length))
        let line = batch.bytes.withUnsafeReadableBytes { bytes in
            TapRecord(MessageView(unframed: payload, shard: UInt64(entry.shard)), in: bytes.bytes).line
        }
        logger.info("aggregated", metadata: ["output": "\(name)", "metric": "\(line)"])
    }
}
