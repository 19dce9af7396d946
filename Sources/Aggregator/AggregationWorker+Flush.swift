import Metrics
import WireFormat

/// Publishing windows that are due, or discarding those that somebody else publishes.
extension AggregationWorker {
    /// Takes one chunk of a flush; the output is used again afterwards.
    public typealias Sink = (FlushOutput) -> Void

    /// When the next flush is due, nanoseconds since 1970; `Int64.max` when there is nothing to flush.
    public func nextFlushNanos(now: Int64) -> Int64 { buckets.map(\.nextFlushNanos).min() ?? .max }

    /// Publishes all windows of the buckets that are due. Chunks of about 1 MiB go to the sink as they fill.
    public func flush(now: Int64, _ sink: Sink) { flush(now: now, pacedBy: { true }, sink) }

    /// As ``flush(now:_:)``, in steps.
    /// - Parameter mayContinue: asked before each list, which is a shard's windows of one resolution and kind. After a no
    ///   the rest stays due, for a later call.
    /// - Returns: whether everything that was due is published.
    @discardableResult
    public func flush(now: Int64, pacedBy mayContinue: () -> Bool, _ sink: Sink) -> Bool {
        for index in buckets.indices where buckets[index].nextFlushNanos <= now {
            guard flush(bucket: index, now: now, pacedBy: mayContinue, sink) else { return false }
            buckets[index].advance(beyond: now)
        }
        return true
    }

    /// Publishes the windows of one bucket that are over and have waited long enough.
    func flush(bucket index: Int, now: Int64, _ sink: Sink) {
        _ = flush(bucket: index, now: now, pacedBy: { true }, sink)
    }

    /// Publishes the windows of one bucket that are over and have waited long enough, as far as their shards are the
    /// worker's at their time. False when it has to go on later: lists that were flushed have nothing more to publish
    /// then.
    private func flush(bucket index: Int, now: Int64, pacedBy mayContinue: () -> Bool, _ sink: Sink) -> Bool {
        let target = buckets[index].target(now: now)
        for list in buckets[index].lists.indices {
            guard mayContinue() else {
                hand(to: sink)
                return false
            }
            let shard = ownedShards[buckets[index].lists[list].shard] ?? OwnedShard(shard: 0)
            if shard.cutoverNanos > 0 {
                flush(bucket: index, list: list, to: min(target, shard.cutoverNanos), .discard(.cutover), sink)
                if target <= shard.cutoverNanos { continue }
            }
            flush(bucket: index, list: list, to: min(target, shard.cutoffNanos), .publish, sink)
            // Values after the cutoff are kept for a while.
            let expired = target.subtractingSaturating(options.maxBufferSizeNanos)
            if expired > shard.cutoffNanos {
                flush(bucket: index, list: list, to: expired, .discard(.cutoff), sink)
            }
        }
        counters.flushes &+= 1
        hand(to: sink)
        return true
    }

    /// Publishes every window that is over, without waiting for values that are late or forwarded. Forwarded values
    /// that this makes are sent; windows that they fall into are open until they arrive.
    public func flushEnded(now: Int64, _ sink: Sink) {
        for index in buckets.indices where buckets[index].key.kind != .forwarded { flushEnded(index, now: now, sink) }
        hand(to: sink)
    }

    /// Publishes every window that is over and counts the values of the others as discarded. Takes nothing more
    /// afterwards.
    /// - Parameter publishesEnded: false for one that doesn't lead: windows that are over are another instance's, and
    ///   count as discarded, too.
    public func shutdown(now: Int64, publishesEnded: Bool = true, _ sink: Sink) {
        guard !isShutDown else { return }
        if publishesEnded {
            for index in buckets.indices { flushEnded(index, now: now, sink) }
            hand(to: sink)
            drainPassthrough(sink)
        }
        isShutDown = true
        for number in columns.numbers { discardAll(of: columns[number], .shutDown) }
    }

    private func flushEnded(_ index: Int, now: Int64, _ sink: Sink) {
        let target = buckets[index].endedTarget(now: now)
        for list in buckets[index].lists.indices { consume(bucket: index, list: list, to: target, .publish, sink) }
    }

    private func hand(to sink: Sink) {
        guard !output.entries.isEmpty else { return }
        sink(output)
        output.removeAll()
    }

    // MARK: Lists

    /// What happens to the windows of a flush.
    enum FlushMode {
        case publish
        /// They are taken as published, as far as later windows depend on them, but nothing is sent.
        case discard(DiscardReason)
    }

    /// Brings a list up to a time, unless it has been there.
    func flush(bucket: Int, list: Int, to target: Int64, _ mode: FlushMode, _ sink: Sink) {
        if buckets[bucket].advance(list: list, to: target) {
            consume(bucket: bucket, list: list, to: target, mode, sink)
        }
    }

    private func consume(bucket: Int, list: Int, to target: Int64, _ mode: FlushMode, _ sink: Sink) {
        let bound = buckets[bucket].windowBound(target: target)
        let resendBuffer = options.pastBufferNanos(resolutionNanos: buckets[bucket].key.resolutionNanos)
        let resendBound = buckets[bucket].windowBound(target: target.subtractingSaturating(resendBuffer))
        flushMode = mode
        if case .discard = mode { isDiscarding = true } else { isDiscarding = false }
        let members = buckets[bucket].lists[list].columns
        for number in members {
            let column = columns[number]
            while let window = column.pointee.takeWindow(before: bound) {
                publish(window, of: column, sink)
                column.pointee.recycle(window)
            }
            if !column.pointee.revisions.isEmpty {
                publishRevisions(of: column, before: bound, resendBound: resendBound, sink)
            }
        }
        if !round.isEmpty { sendRound(bucket: bucket, list: list, sink) }
        buckets[bucket].forgetVersions(list: list, target: target, resendBufferNanos: resendBuffer)
        // Only now: what was forwarded names the targets of elements that may go.
        for number in members { collectElements(of: number) }
    }

    func collectElements(of number: UInt32) {
        let column = columns[number]
        column.pointee.collect { series, target, revisions in
            liveElements -= 1
            targets.release(target)
            releaseRecord(series)
            if let revisions { releaseStates(of: revisions, column) }
        }
        if column.pointee.isEmpty { removeColumn(number) }
    }

    // MARK: Windows

    private func publish(_ window: Column.Window, of column: UnsafeMutablePointer<Column>, _ sink: Sink) {
        let shape = column.pointee.shape
        let layout = column.pointee.layout
        let time = shape.outputTime(ofWindow: window.start)
        let isTransformed = !shape.key.transformations.isEmpty
        let mayResend = column.pointee.mayResend
        window.forEachRow { number, words in
            if mayResend { return setAside(words, of: number, start: window.start, column) }
            let row = Row(words, layout)
            let element = column.pointee.element(number)
            count(consumed: row.count, of: column, start: window.start)
            let emission = emission(number, words[0], time, column)
            if isTransformed {
                var history = TransformationHistory(element, shape)
                history.begin(window.start, element, shape)
                evaluate(row, emission, history)
            } else if !isDiscarding {
                evaluate(row, emission)
            }
            _ = column.pointee.close(window.start, of: element)
            releaseStates(of: row, column)
            if output.isFull { hand(to: sink) }
        }
    }

    /// Counts a window that is consumed or discarded, with so many new values.
    @inline(__always)
    func count(consumed: UInt64, of column: UnsafeMutablePointer<Column>, start: Int64) {
        if isDiscarding {
            if case .discard(let reason) = flushMode { counters.discarded.add(consumed, reason) }
            return
        }
        let shape = column.pointee.shape
        // A forwarded window bears the end of the window that it sums up.
        let first =
            shape.key.bucket.kind == .forwarded
            ? start.subtractingSaturating(shape.key.bucket.resolutionNanos) : start
        counters.consumed &+= consumed
        counters.windowsConsumed &+= 1
        if first < startNanos ?? .min { counters.partialWindowsConsumed &+= 1 }
        counters.windowTypes &+= UInt64(shape.types.count)
    }

    @inline(__always)
    func emission(
        _ number: UInt32, _ head: UInt64, _ time: Int64, _ column: UnsafeMutablePointer<Column>
    ) -> Emission {
        let target = column.pointee.target(number)
        return Emission(
            column: column, shape: column.pointee.shape, series: column.pointee.series(number), target: target,
            routingTrafficTypes: target == 0 ? 0 : targets[target]?.routingTrafficTypes ?? 0, timeNanos: time,
            annotation: RowHead.annotation(head))
    }

    /// Works out every type of a window, and publishes it.
    /// - Parameter history: that of the transformations, if there are any.
    @inline(__always)
    func evaluate(_ row: Row, _ emission: Emission, _ history: TransformationHistory? = nil) {
        let shape = emission.shape
        let quantiles =
            row.layout.timer == 0 ? nil : emission.column.pointee.timers.peek(row.words[Int(row.layout.timer)])
        for (index, type) in shape.types.enumerated() {
            let value = row.value(of: type, metricType: shape.valueType, quantiles: quantiles)
            if let history {
                transform(value, index, history, emission)
            } else {
                emit(value, nil, index, emission)
            }
        }
        if let quantiles, shape.key.forwardsSketch, !isDiscarding {
            round.merge(quantiles, target: emission.target, timeNanos: emission.timeNanos)
        }
    }

    /// Hands the output on when it is long enough.
    func handFull(to sink: Sink) {
        if output.isFull { hand(to: sink) }
    }

    // MARK: States of rows

    /// Quantiles and source sets of a published row go back to their pools.
    @inline(__always)
    func releaseStates(of row: Row, _ column: UnsafeMutablePointer<Column>) {
        if row.layout.timer != 0 { column.pointee.timers.release(row.words[Int(row.layout.timer)]) }
        if row.layout.sources != 0 { sources.release(row.words[Int(row.layout.sources)]) }
    }

    func releaseStates(of revisions: ElementRevisions, _ column: UnsafeMutablePointer<Column>) {
        for window in revisions.windows where window.hasFigures && !window.isInRow {
            releaseStates(of: Row(window.figures, column.pointee.layout), column)
        }
    }

    /// Drops every window of a column, and counts the values that were not published.
    func discardAll(of column: UnsafeMutablePointer<Column>, _ reason: DiscardReason) {
        while let window = column.pointee.takeWindow(before: .max) {
            window.forEachRow { number, words in
                let row = Row(words, column.pointee.layout)
                let published = column.pointee.revisions[number]?.window(at: window.start)?.consumedCount ?? 0
                counters.discarded.add(row.count &- published, reason)
                releaseStates(of: row, column)
            }
            column.pointee.recycle(window)
        }
        for revisions in column.pointee.revisions.values { releaseStates(of: revisions, column) }
        column.pointee.revisions = [:]
    }
}
