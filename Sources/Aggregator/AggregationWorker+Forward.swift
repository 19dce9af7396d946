import Aggregation
import Metrics
import WireFormat

/// Sending the values of rollups on to their next stage.
extension AggregationWorker {
    /// Sends what the elements of one list forward: one message for each rollup and time.
    func sendRound(bucket: Int, list: Int, _ sink: Sink) {
        let shard = buckets[bucket].lists[list].shard
        for parcel in round.parcels {
            guard let target = targets[parcel.target], let rollup = target.rollup else { continue }
            let count = UInt64(parcel.values.count)
            forwardMetadata.removeAll(keepingCapacity: true)
            MetadataCodec.append(
                rollup.metadata(
                    sourceID: shard, routingTrafficTypes: target.routingTrafficTypes, isResent: parcel.isResent),
                to: &forwardMetadata)
            if let sketch = parcel.sketch {
                ForwardMetadataSource.append(sketch: sketch.encoded(), to: &forwardMetadata)
            }
            let annotation = annotations.bytes(parcel.annotation)
            let size =
                parcel.values.count * 16 + rollup.id.count + forwardMetadata.count + annotation.count + 64
            guard size <= options.limits.maxForwardedMessageBytes else {
                counters.forwardDropped.add(count, .messageTooLarge)
                continue
            }
            let version =
                parcel.isResent
                ? buckets[bucket].nextVersion(list: list, rollup, timeNanos: parcel.timeNanos) : 0
            let start = output.bytes.count
            forwardMetadata.withUnsafeBytes { metadata in
                MetricWriter.appendForwarded(
                    type: rollup.metricType, id: rollup.id.span.bytes, timeNanos: parcel.timeNanos,
                    values: parcel.values.span, annotation: annotation.span.bytes, prevValues: parcel.previous.span,
                    version: version, metadata: metadata.bytes, to: &output.bytes)
            }
            output.add(.ingest, shard: Murmur3.hash32(rollup.id) % UInt32(owners.count), from: start)
            counters.forwarded &+= count
            counters.forwardedMessages &+= 1
            handFull(to: sink)
        }
        round.removeAll()
    }
}

extension RollupDestination {
    /// The metadata of a message that goes there.
    func metadata(sourceID: UInt32, routingTrafficTypes: UInt64, isResent: Bool) -> ForwardMetadata {
        ForwardMetadata(
            aggregationID: aggregationID, storagePolicy: policy, pipeline: remainder, sourceID: sourceID,
            numForwardedTimes: numForwardedTimes, resendEnabled: isResent, routingTrafficTypes: routingTrafficTypes,
            quantileMethod: quantileMethod)
    }
}
