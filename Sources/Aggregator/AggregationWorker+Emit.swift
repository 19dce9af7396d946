import Aggregation
import Metrics
import WireFormat

/// One published window of one element.
struct Emission {
    let column: UnsafeMutablePointer<Column>
    let shape: ElementShape
    let series: UInt32
    let target: UInt32
    let routingTrafficTypes: UInt64
    let timeNanos: Int64
    let annotation: UInt32
}

/// From the value of an aggregation type to what is published or forwarded.
extension AggregationWorker {
    func transform(
        _ input: Double, _ type: Int, _ history: inout TransformationHistory, _ emission: Emission
    ) {
        var value = input
        var extra: Datapoint?
        var adds = 0
        var lacksPrevious = false
        for transformation in emission.shape.key.transformations {
            switch transformation {
            case .absolute: value = Absolute.apply(value)
            case .add:
                value = history.add(value, adds)
                adds += 1
            case .reset:
                extra = Reset.extraPoint(
                    after: emission.timeNanos, resolutionNanos: emission.column.pointee.resolutionNanos)
            case .perSecond, .increase:
                let previous = history.previous(type)
                history.remember(value, type)
                let current = Datapoint(timeNanos: emission.timeNanos, value: value)
                lacksPrevious = previous == nil && !value.isNaN
                value =
                    transformation == .perSecond
                    ? PerSecond.apply(previous: previous ?? .empty, current: current).value
                    : Increase.apply(previous: previous ?? .empty, current: current).value
            }
        }
        if value.isNaN && lacksPrevious && options.discardNaNAggregatedValues {
            return counters.suppressed.add(1, .noPrevious)
        }
        emit(value, extra, type, emission)
    }

    @inline(__always)
    func emit(_ value: Double, _ extra: Datapoint?, _ type: Int, _ emission: Emission) {
        if value.isNaN && options.discardNaNAggregatedValues { return counters.suppressed.add(1, .nan) }
        if emission.shape.key.isRolledUp {
            round.add(
                value, target: emission.target, rollup: targets[emission.target]?.rollup,
                timeNanos: emission.timeNanos, annotation: emission.annotation)
            return
        }
        write(value, emission.timeNanos, type, emission)
        counters.emitted &+= 1
        guard let extra else { return }
        write(extra.value, extra.timeNanos, type, emission)
        counters.resetZeros &+= 1
    }

    private func write(_ value: Double, _ time: Int64, _ type: Int, _ emission: Emission) {
        let shape = emission.shape
        let id = table.id(emission.series)
        let annotation = emission.annotation == 0 ? [] : annotations.bytes(emission.annotation)
        let prefix = shape.prefix
        let suffix = shape.suffixes[type]
        let policy = shape.policyBytes
        let start = output.bytes.count
        AggregatedMetricWriter.append(
            idPrefix: prefix.span.bytes, id: id.bytes, idSuffix: suffix.span.bytes, timeNanos: time, value: value,
            annotation: annotation.span.bytes, policy: policy.span.bytes,
            routingTrafficTypes: emission.routingTrafficTypes, to: &output.bytes)
        // The series' own shard does unless the id or the number of shards differs.
        let isOwnShard = !shape.hasAffixBytes && options.numAggregatedShards == UInt32(owners.count)
        let shard =
            isOwnShard
            ? emission.column.pointee.shard
            : Murmur3.hash32(prefix + Array(id) + suffix) % max(options.numAggregatedShards, 1)
        output.add(.aggregated, shard: shard, from: start)
    }
}
