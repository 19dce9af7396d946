import Metrics
import WireFormat

/// Publishing windows that are due.
extension AggregationWorker {
    /// Takes one chunk of a flush; the output is used again afterwards.
    public typealias Sink = (FlushOutput) -> Void

    /// When the next flush is due, nanoseconds since 1970; `Int64.max` when there is nothing to flush.
    public func nextFlushNanos(now: Int64) -> Int64 { buckets.map(\.nextFlushNanos).min() ?? .max }

    /// Publishes all windows of the buckets that are due. Chunks of about 1 MiB go to the sink as they fill.
    public func flush(now: Int64, _ sink: Sink) {
        for index in buckets.indices where buckets[index].nextFlushNanos <= now {
            flush(bucket: index, now: now, sink)
            buckets[index].advance(beyond: now)
        }
    }

    /// Publishes the windows of one bucket that are over and have waited long enough.
    func flush(bucket index: Int, now: Int64, _ sink: Sink) {
        counters.flushes &+= 1
        flush(bucket: index, before: buckets[index].windowBound(now: now), sink)
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

    /// Publishes every window that is over and counts the values of the others as discarded. Takes nothing more
    /// afterwards.
    public func shutdown(now: Int64, _ sink: Sink) {
        guard !isShutDown else { return }
        for index in buckets.indices { flush(bucket: index, before: buckets[index].endedBound(now: now), sink) }
        hand(to: sink)
        isShutDown = true
        for number in columns.numbers {
            let column = columns[number]
            while let window = column.pointee.takeWindow(before: .max) {
                window.forEachRow { _, words in
                    counters.discarded.add(words[0] & RowHead.countMask, .shutDown)
                    releaseStates(of: Row(words, column.pointee.layout), column)
                }
                column.pointee.recycle(window)
            }
        }
    }

    private func hand(to sink: Sink) {
        guard !output.entries.isEmpty else { return }
        sink(output)
        output.removeAll()
    }

    /// Quantiles and source sets of a published row go back to their pools.
    @inline(__always)
    func releaseStates(of row: Row, _ column: UnsafeMutablePointer<Column>) {
        if row.layout.timer != 0 { column.pointee.timers.release(row.words[Int(row.layout.timer)]) }
        if row.layout.sources != 0 { sources.release(row.words[Int(row.layout.sources)]) }
    }

    private func flush(bucket: Int, before bound: Int64, _ sink: Sink) {
        for (shard, members) in buckets[bucket].lists {
            for number in members {
                let column = columns[number]
                while let window = column.pointee.takeWindow(before: bound) {
                    publish(window, of: column, sink)
                    column.pointee.recycle(window)
                }
            }
            if !round.isEmpty { sendRound(shard: shard, sink) }
            // Only now: what was forwarded names the targets of elements that may go.
            for number in members { collectElements(of: number) }
        }
    }

    private func collectElements(of number: UInt32) {
        let column = columns[number]
        column.pointee.collect { series, target in
            liveElements -= 1
            targets.release(target)
            releaseRecord(series)
        }
        if column.pointee.isEmpty { removeColumn(number) }
    }

    private func publish(_ window: Column.Window, of column: UnsafeMutablePointer<Column>, _ sink: Sink) {
        let shape = column.pointee.shape
        let layout = column.pointee.layout
        let time = shape.outputTime(ofWindow: window.start)
        // A forwarded window bears the end of the window that it sums up.
        let firstNanos =
            shape.key.bucket.kind == .forwarded
            ? window.start.subtractingSaturating(shape.key.bucket.resolutionNanos) : window.start
        let isPartial = firstNanos < startNanos ?? .min
        let hasHistory = shape.binaryInputs + shape.addTotals > 0
        window.forEachRow { number, words in
            let row = Row(words, layout)
            let element = column.pointee.element(number)
            counters.consumed &+= row.count
            counters.windowsConsumed &+= 1
            if isPartial { counters.partialWindowsConsumed &+= 1 }
            counters.windowTypes &+= UInt64(shape.types.count)
            var history = TransformationHistory(element, shape)
            if hasHistory { history.begin(window.start) }
            let target = column.pointee.target(number)
            let emission = Emission(
                column: column, shape: shape, series: column.pointee.series(number), target: target,
                routingTrafficTypes: target == 0 ? 0 : targets[target]?.routingTrafficTypes ?? 0, timeNanos: time,
                annotation: RowHead.annotation(words[0]))
            let quantiles = layout.timer == 0 ? nil : column.pointee.timers.peek(words[Int(layout.timer)])
            for (index, type) in shape.types.enumerated() {
                let value = row.value(of: type, metricType: shape.key.metricType, quantiles: quantiles)
                if shape.key.transformations.isEmpty {
                    emit(value, nil, index, emission)
                } else {
                    transform(value, index, &history, emission)
                }
            }
            _ = column.pointee.close(window.start, of: element)
            releaseStates(of: row, column)
            if output.isFull { hand(to: sink) }
        }
    }

    // MARK: Forwarding

    /// Sends what the elements of one list forward: one message for each rollup and time.
    private func sendRound(shard: UInt32, _ sink: Sink) {
        for parcel in round.parcels {
            guard let target = targets[parcel.target], let rollup = target.rollup else { continue }
            let count = UInt64(parcel.values.count)
            let metadata = rollup.metadata(sourceID: shard, routingTrafficTypes: target.routingTrafficTypes)
            let annotation = annotations.bytes(parcel.annotation)
            let size = parcel.values.count * 8 + rollup.id.count + metadata.count + annotation.count + 64
            guard size <= options.limits.maxForwardedMessageBytes else {
                counters.forwardDropped.add(count, .messageTooLarge)
                continue
            }
            let start = output.bytes.count
            MetricWriter.appendForwarded(
                type: rollup.metricType, id: rollup.id.span.bytes, timeNanos: parcel.timeNanos,
                values: parcel.values.span, annotation: annotation.span.bytes, metadata: metadata.span.bytes,
                to: &output.bytes)
            output.add(.ingest, shard: Murmur3.hash32(rollup.id) % UInt32(owners.count), from: start)
            counters.forwarded &+= count
            counters.forwardedMessages &+= 1
            if output.isFull { hand(to: sink) }
        }
        round.removeAll()
    }
}

extension RollupDestination {
    /// The metadata of a message that goes there, encoded.
    func metadata(sourceID: UInt32, routingTrafficTypes: UInt64) -> [UInt8] {
        MetadataCodec.encode(
            ForwardMetadata(
                aggregationID: aggregationID, storagePolicy: policy, pipeline: remainder, sourceID: sourceID,
                numForwardedTimes: numForwardedTimes, routingTrafficTypes: routingTrafficTypes))
    }
}
