import Aggregation
import Metrics
import WireFormat

/// Publishing windows that are due.
extension AggregationWorker {
    /// Takes one chunk of a flush; the output is used again afterwards.
    public typealias Sink = (FlushOutput) -> Void

    /// When the next flush is due, nanoseconds since 1970; `Int64.max` when there is nothing to flush.
    public func nextFlushNanos(now: Int64) -> Int64 { buckets.map(\.nextFlushNanos).min() ?? .max }

    /// Publishes all windows of the buckets that are due.
    public func flush(now: Int64, _ sink: Sink) {
        for index in buckets.indices where buckets[index].nextFlushNanos <= now {
            flush(bucket: index, now: now, sink)
            buckets[index].advance(beyond: now)
        }
        hand(to: sink)
    }

    /// Publishes the windows of one bucket that are over and have waited long enough.
    func flush(bucket index: Int, now: Int64, _ sink: Sink) {
        counters.flushes &+= 1
        flush(bucket: index, before: buckets[index].windowBound(now: now, options: options), sink)
        hand(to: sink)
    }

    /// Publishes every window that is over, without waiting for values that are late or forwarded. Forwarded values
    /// that this makes are sent; windows that they fall into are open until they arrive.
    public func flushEnded(now: Int64, _ sink: Sink) {
        for index in buckets.indices where buckets[index].key.kind != .forwarded {
            flush(bucket: index, before: buckets[index].endedBound(now: now), sink)
        }
        hand(to: sink)
    }

    /// Publishes every window that is over and counts the values of the others as discarded. Takes no new series
    /// afterwards.
    public func shutdown(now: Int64, _ sink: Sink) {
        guard !isShutDown else { return }
        isShutDown = true
        for index in buckets.indices { flush(bucket: index, before: buckets[index].endedBound(now: now), sink) }
        hand(to: sink)
        for column in columns {
            while let window = column.takeWindow(before: .max) {
                for row in 0..<column.rowCount where window.count[row] > 0 {
                    counters.discarded.add(UInt64(window.count[row]), .shutDown)
                    window.releaseTimer(row, to: pools[Int(column.shapeIndex)])
                }
                column.close(before: .max)
                column.recycle(window)
            }
        }
    }

    private func hand(to sink: Sink) {
        guard !output.entries.isEmpty else { return }
        sink(output)
        output.removeAll()
    }

    private func flush(bucket: Int, before bound: Int64, _ sink: Sink) {
        for (shard, members) in buckets[bucket].lists {
            for index in members {
                let column = columns[Int(index)]
                while let window = column.takeWindow(before: bound) {
                    publish(window, of: column, sink)
                    column.recycle(window)
                }
                column.close(before: bound)
                column.collect { ref, target in
                    liveElements -= 1
                    if target != 0 { retiredTargets.append(target) }
                    releaseRecord(ref)
                }
            }
            if !round.isEmpty { sendRound(shard: shard, sink) }
        }
    }

    // MARK: One window

    private func publish(_ window: Window, of column: Column, _ sink: Sink) {
        let shape = column.shape
        let time = shape.outputTime(ofWindow: window.start)
        let isPartial = window.start < (startNanos ?? .min)
        let pool = pools[Int(column.shapeIndex)]
        let isPlain = shape.key.transformations.isEmpty && !shape.key.isRolledUp
        for row in 0..<column.rowCount {
            let count = window.count[row]
            guard count > 0 else { continue }
            counters.consumed &+= UInt64(count)
            counters.windowsConsumed &+= 1
            if isPartial { counters.partialWindowsConsumed &+= 1 }
            counters.windowTypes &+= UInt64(shape.types.count)
            let annotation = window.annotations.isEmpty ? nil : window.annotations[UInt32(row)]
            for type in 0..<shape.types.count {
                let value = window.value(shape.types[type], row, column)
                if isPlain {
                    emit(value, nil, time, type, row, column, annotation)
                } else {
                    transform(value, time, type, row, column, annotation)
                }
            }
            column.history?.advance(row, to: time)
            window.releaseTimer(row, to: pool)
            if output.isFull { hand(to: sink) }
        }
    }

    private func transform(
        _ input: Double, _ time: Int64, _ type: Int, _ row: Int, _ column: Column, _ annotation: [UInt8]?
    ) {
        var value = input
        var extra: Datapoint?
        var add = 0
        var lacksPrevious = false
        for transformation in column.shape.key.transformations {
            switch transformation {
            case .absolute: value = Absolute.apply(value)
            case .add:
                value = column.history?.add(row, add, value) ?? value
                add += 1
            case .reset:
                extra = Reset.extraPoint(after: time, resolutionNanos: column.resolutionNanos)
            case .perSecond, .increase:
                let previous = column.history?.previous(row, type) ?? .empty
                column.history?.setPrevious(row, type, value)
                let current = Datapoint(timeNanos: time, value: value)
                lacksPrevious = previous.isEmpty
                value =
                    transformation == .perSecond
                    ? PerSecond.apply(previous: previous, current: current).value
                    : Increase.apply(previous: previous, current: current).value
            }
        }
        if value.isNaN && lacksPrevious && !input.isNaN && options.discardNaNAggregatedValues {
            return counters.suppressed.add(1, .noPrevious)
        }
        emit(value, extra, time, type, row, column, annotation)
    }

    @inline(__always)
    private func emit(
        _ value: Double, _ extra: Datapoint?, _ time: Int64, _ type: Int, _ row: Int, _ column: Column,
        _ annotation: [UInt8]?
    ) {
        if value.isNaN && options.discardNaNAggregatedValues { return counters.suppressed.add(1, .nan) }
        if column.shape.key.isRolledUp {
            round.add(
                value,
                to: ForwardedRound.Key(
                    target: column.targets[row], shape: column.shapeIndex, timeNanos: time), annotation: annotation)
            return
        }
        write(value, time, type, row, column, annotation)
        counters.emitted &+= 1
        guard let extra else { return }
        write(extra.value, extra.timeNanos, type, row, column, annotation)
        counters.resetZeros &+= 1
    }

    private func write(
        _ value: Double, _ time: Int64, _ type: Int, _ row: Int, _ column: Column, _ annotation: [UInt8]?
    ) {
        let shape = column.shape
        let id = table.id(column.series[row])
        let prefix = shape.prefix
        let suffix = shape.suffixes[type]
        let policy = shape.policyBytes
        let annotation = annotation ?? []
        let start = output.bytes.count
        AggregatedMetricWriter.append(
            idPrefix: prefix.span.bytes, id: id.bytes, idSuffix: suffix.span.bytes, timeNanos: time,
            value: value, annotation: annotation.span.bytes, policy: policy.span.bytes,
            routingTrafficTypes: shape.key.routingTrafficTypes, to: &output.bytes)
        let isPlain = prefix.isEmpty && suffix.isEmpty && options.numAggregatedShards == options.numShards
        let shard =
            isPlain
            ? column.shard
            : Murmur3.hash32(prefix + Array(id) + suffix) % max(options.numAggregatedShards, 1)
        output.add(.aggregated, shard: shard, from: start)
    }

    // MARK: Forwarding

    /// Sends what the elements of one list forward: one message for each rollup and time.
    private func sendRound(shard: UInt32, _ sink: Sink) {
        for parcel in round.parcels {
            guard let target = targets[parcel.key.target] else { continue }
            let shape = shapes[Int(parcel.key.shape)]
            let count = UInt64(parcel.values.count)
            let metadata = MetadataCodec.encode(
                ForwardMetadata(
                    aggregationID: target.aggregationID, storagePolicy: shape.key.policy, pipeline: target.remainder,
                    sourceID: shard, numForwardedTimes: shape.key.bucket.numForwardedTimes &+ 1,
                    routingTrafficTypes: shape.key.routingTrafficTypes))
            let size = parcel.values.count * 8 + target.id.count + metadata.count + parcel.annotation.count + 64
            guard size <= options.limits.maxForwardedMessageBytes else {
                counters.forwardDropped.add(count, .messageTooLarge)
                continue
            }
            let start = output.bytes.count
            MetricWriter.appendForwarded(
                type: shape.key.metricType, id: target.id.span.bytes, timeNanos: parcel.key.timeNanos,
                values: parcel.values.span, annotation: parcel.annotation.span.bytes,
                metadata: metadata.span.bytes, to: &output.bytes)
            output.add(.ingest, shard: Murmur3.hash32(target.id) % UInt32(owned.count), from: start)
            counters.forwarded &+= count
            counters.forwardedMessages &+= 1
            if output.isFull { hand(to: sink) }
        }
        round.removeAll()
    }
}
