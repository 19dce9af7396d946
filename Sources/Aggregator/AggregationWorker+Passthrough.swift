import Metrics
import WireFormat

/// Metrics that are published as they came, without a window.
extension AggregationWorker {
    /// Bytes that wait to be handed out; further metrics are counted as `passthrough_backlog`.
    private static let maxPassthroughBytes = 64 << 20

    /// Hands out the metrics that are to be published as they came.
    public func drainPassthrough(_ sink: Sink) {
        guard !passthroughOutput.entries.isEmpty else { return }
        sink(passthroughOutput)
        passthroughOutput.removeAll()
    }

    /// Takes a metric as it is: its id, time, value, annotation and policy. Its type and routing are lost, as in M3.
    func passThrough(_ view: MetricView, _ raw: UnsafeRawBufferPointer) {
        counters.decoded &+= 1
        counters.received &+= 1
        do throws(DropReason) {
            try appendPassthrough(view, raw)
            counters.passedThrough &+= 1
        } catch {
            counters.unrouted.add(1, error)
        }
    }

    private func appendPassthrough(_ view: MetricView, _ raw: UnsafeRawBufferPointer) throws(DropReason) {
        guard options.passthroughEnabled else { throw .passthroughDisabled }
        guard !isShutDown else { throw .shutDown }
        guard view.id.count <= options.limits.maxIDBytes else { throw .idTooLong }
        guard passthroughOutput.bytes.count < Self.maxPassthroughBytes else { throw .passthroughBacklog }
        guard let policy = try? MetadataCodec.storagePolicy(raw.bytes, in: view.metadata) else { throw .badMetadata }
        guard publishesPassthrough else { return }
        let policyBytes = MetadataCodec.encode(policy)
        let id = view.id.buffer(in: raw)
        let annotation = view.annotation.buffer(in: raw)
        let start = passthroughOutput.bytes.count
        AggregatedMetricWriter.append(
            id: id.bytes, timeNanos: view.timeNanos, value: view.value, annotation: annotation.bytes,
            policy: policyBytes.span.bytes, to: &passthroughOutput.bytes)
        passthroughOutput.add(
            .aggregated, shard: Murmur3.hash32(id) % max(options.numAggregatedShards, 1), from: start)
    }
}
