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
    /// When the window may be published again.
    var window: RevisableWindow?
}

/// From the value of an aggregation type to what is published or forwarded.
extension AggregationWorker {
    func transform(
        _ input: Double, _ type: Int, _ history: TransformationHistory, _ emission: Emission
    ) {
        var value = input
        var extra: Datapoint?
        var adds = 0
        var lacksPrevious = false
        for transformation in emission.shape.key.transformations {
            switch transformation {
            case .absolute: value = Absolute.apply(value)
            case .add:
                value = history.add(value, type: type, step: adds)
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
            if !isDiscarding { counters.suppressed.add(1, .noPrevious) }
            return
        }
        emit(value, extra, type, emission)
    }

    @inline(__always)
    func emit(_ value: Double, _ extra: Datapoint?, _ type: Int, _ emission: Emission) {
        let discards = isDiscarding
        if value.isNaN && options.discardNaNAggregatedValues {
            if !discards { counters.suppressed.add(1, .nan) }
            return
        }
        var previous = 0.0
        if let window = emission.window {
            previous = window.lastEmitted(type)
            window.emitted[type] = value.bitPattern
            if window.wasFlushed, value == previous || (value.isNaN && previous.isNaN) {
                if !discards { counters.suppressed.add(1, .unchanged) }
                return
            }
        }
        if discards { return }
        if emission.shape.key.isRolledUp {
            round.add(
                value, previous: previous, target: emission.target, rollup: targets[emission.target]?.rollup,
                timeNanos: emission.timeNanos, annotation: emission.annotation,
                isResent: emission.window?.isResent ?? false)
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
            routingTrafficTypes: emission.routingTrafficTypes, term: term, to: &output.bytes)
        // The series' own shard does unless the id or the number of shards differs.
        let isOwnShard = !shape.hasAffixBytes && options.numAggregatedShards == UInt32(owners.count)
        let shard = isOwnShard ? emission.column.pointee.shard : self.shard(prefix, id, suffix)
        output.add(.aggregated, shard: shard, from: start)
    }

    /// The shard of aggregated metrics that an id with prefix and suffix belongs to.
    private func shard(_ prefix: [UInt8], _ id: UnsafeRawBufferPointer, _ suffix: [UInt8]) -> UInt32 {
        outputID.removeAll(keepingCapacity: true)
        outputID.append(contentsOf: prefix)
        outputID.append(contentsOf: id)
        outputID.append(contentsOf: suffix)
        return Murmur3.hash32(outputID) % max(options.numAggregatedShards, 1)
    }
}
