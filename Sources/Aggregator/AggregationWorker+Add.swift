import Aggregation
import Metrics
import WireFormat

/// A metric on its way to its elements.
struct Arrival {
    let view: MetricView
    let raw: UnsafeRawBufferPointer
    let now: Int64
    let values: Int
    /// Forwarded metrics: the shard they come from.
    let source: UInt32
    /// Forwarded timers: all values that were summed up, encoded; empty when there are only those of the message.
    let sketch: UnsafeRawBufferPointer
    let annotation: UInt32

    /// Calls with each value of a batch.
    @inline(__always)
    func forEachValue(_ body: (Double) -> Void) {
        view.forEachValue(in: raw.bytes) { (value) throws(Never) in body(value) }
    }
}

/// Adding a value to the window of an element.
extension AggregationWorker {
    @inline(__always)
    func add(_ arrival: Arrival, to element: ElementRef) {
        let column = columns[element.column]
        counters.applications &+= UInt64(arrival.values)
        switch arrival.view.kind {
        case .counter, .gauge, .batchTimer:
            if column.pointee.mayResend, arrival.view.clientTimeNanos > 0,
                isResendEnabled(element.element, column)
            {
                addAtClientTime(arrival, column, element.element)
            } else {
                addUntimed(arrival, column, element.element)
            }
        case .forwarded: addForwarded(arrival, column, element.element)
        default: addTimed(arrival, column, element.element)
        }
    }

    @inline(__always)
    private func addUntimed(_ arrival: Arrival, _ column: UnsafeMutablePointer<Column>, _ element: UInt32) {
        var time = arrival.now
        var lookup = column.pointee.row(element, at: time)
        if case .closed = lookup {
            // The clock went back behind a flush: the value goes to the next window.
            time = time.addingSaturating(column.pointee.resolutionNanos)
            lookup = column.pointee.row(element, at: time)
        }
        guard let row = opened(lookup, column, arrival.values) else { return }
        switch arrival.view.kind {
        case .counter: row.addCounter(arrival.view.counterValue)
        case .gauge: row.addGauge(arrival.view.value, at: time)
        default:
            if arrival.values == 0 { return addEmptyBatch(row) }
            addBatch(arrival, row, column)
        }
        if column.pointee.mayResend { row.setResend(false) }
        finish(arrival, row)
    }

    /// A window of zeros is published for it, as in M3.
    private func addEmptyBatch(_ row: Row) {
        if options.maxTimerBatchSizePerWrite == 0 { row.makePresent(.timer) }
    }

    private func isResendEnabled(_ element: UInt32, _ column: UnsafeMutablePointer<Column>) -> Bool {
        targets[column.pointee.target(element)]?.resendEnabled ?? false
    }

    /// Adds an untimed value whose sender says when it was taken, to a window that may be published again.
    @inline(never)
    private func addAtClientTime(_ arrival: Arrival, _ column: UnsafeMutablePointer<Column>, _ element: UInt32) {
        let time = arrival.view.clientTimeNanos
        guard isInTime(time, arrival, column) else { return }
        let lookup = column.pointee.row(element, at: time)
        // What may no longer change is published once: the value counts as one that has just been taken.
        if case .closed(isResent: false) = lookup { return addUntimed(arrival, column, element) }
        guard let row = opened(lookup, column, 1) else { return }
        if arrival.view.kind == .counter {
            row.addCounter(arrival.view.counterValue)
        } else {
            row.addGauge(arrival.view.value, at: time)
        }
        row.setResend(true)
        finish(arrival, row)
    }

    /// Whether a value is neither too old nor too far ahead; counts it when it is.
    @inline(__always)
    private func isInTime(_ time: Int64, _ arrival: Arrival, _ column: UnsafeMutablePointer<Column>) -> Bool {
        let age = arrival.now.subtractingSaturating(time)
        guard age >= -options.bufferForFutureTimedMetricsNanos else {
            counters.rejected.add(1, .tooFarInFuture)
            return false
        }
        guard age <= options.pastBufferNanos(resolutionNanos: column.pointee.resolutionNanos) else {
            counters.rejected.add(1, .tooFarInPast)
            return false
        }
        return true
    }

    @inline(__always)
    private func addTimed(_ arrival: Arrival, _ column: UnsafeMutablePointer<Column>, _ element: UInt32) {
        let time = arrival.view.timeNanos
        guard isInTime(time, arrival, column) else { return }
        guard let row = opened(column.pointee.row(element, at: time), column, 1) else { return }
        switch column.pointee.metricType {
        case .counter: row.addCounter(CounterState.truncate(arrival.view.value))
        case .gauge: row.addGauge(arrival.view.value, at: time)
        default: addTimer(arrival.view.value, row, column)
        }
        finish(arrival, row)
    }

    @inline(never)
    private func addForwarded(_ arrival: Arrival, _ column: UnsafeMutablePointer<Column>, _ element: UInt32) {
        let time = arrival.view.timeNanos
        let count = UInt64(arrival.values)
        let isResent = column.pointee.mayResend && isResendEnabled(element, column)
        if let reason = refusal(ofForwarded: arrival, column, isResent: isResent) {
            return counters.rejected.add(count, reason)
        }
        var sketch: DDSketch?
        if arrival.sketch.count > 0, column.pointee.layout.timer != 0 {
            sketch = try? DDSketch(encoded: Array(arrival.sketch))
            guard sketch?.relativeError == DDSketch.standardRelativeError else {
                return counters.rejected.add(count, .badSketch)
            }
        }
        guard let row = opened(column.pointee.row(element, at: time), column, arrival.values) else { return }
        let version = arrival.view.version
        guard sources.insert(arrival.source, version: version, into: &row.words[Int(row.layout.sources)]) else {
            counters.duplicates &+= count
            return
        }
        if arrival.values == 0 { row.makePresent(column.pointee.metricType) }
        if column.pointee.mayResend { row.setResend(isResent) }
        if version > 0 { return replace(arrival, row) }
        switch column.pointee.metricType {
        case .counter: arrival.forEachValue { row.addCounter(CounterState.truncate($0)) }
        case .gauge: arrival.forEachValue { row.addGauge($0, at: time) }
        default:
            if let sketch, merge(sketch, row, column) {
                arrival.forEachValue { row.addTimer($0) }
            } else {
                arrival.forEachValue { addTimer($0, row, column) }
            }
        }
        finish(arrival, row)
    }

    /// Adds what a sketch holds to the quantiles of a timer; false when they take none.
    private func merge(_ sketch: DDSketch, _ row: Row, _ column: UnsafeMutablePointer<Column>) -> Bool {
        let quantiles = column.pointee.timers.state(&row.words[Int(row.layout.timer)])
        return (try? quantiles?.merge(sketch)) ?? false
    }

    private func refusal(
        ofForwarded arrival: Arrival, _ column: UnsafeMutablePointer<Column>, isResent: Bool
    ) -> DropReason? {
        let view = arrival.view
        let resolution = column.pointee.resolutionNanos
        let age = arrival.now.subtractingSaturating(view.timeNanos)
        let allowed =
            isResent
            ? options.pastBufferNanos(resolutionNanos: resolution) : buckets[column.pointee.bucket].delayNanos
        if age > allowed { return .forwardedTooLate }
        if age < -options.bufferForFutureTimedMetricsNanos.addingSaturating(resolution) { return .forwardedTooEarly }
        if arrival.source >= sources.numSources { return .sourceOutOfRange }
        guard view.version > 0 else { return nil }
        if view.metricType != .gauge { return .resendUnsupported }
        if view.version > SourceSets.maxVersion { return .versionOutOfRange }
        return view.prevValueCount < view.valueCount ? .previousValuesMissing : nil
    }

    /// Puts the values of a message in place of those that its source sent before.
    private func replace(_ arrival: Arrival, _ row: Row) {
        let bytes = arrival.raw.bytes
        for index in 0..<arrival.values {
            row.replaceGauge(
                arrival.view.prevValue(at: index, in: bytes), with: arrival.view.value(at: index, in: bytes),
                at: arrival.view.timeNanos)
        }
        counters.replaced &+= UInt64(arrival.values)
        if arrival.annotation != 0 { row.setAnnotation(arrival.annotation) }
    }

    @inline(__always)
    private func addTimer(_ value: Double, _ row: Row, _ column: UnsafeMutablePointer<Column>) {
        row.addTimer(value)
        guard row.layout.timer != 0 else { return }
        column.pointee.timers.state(&row.words[Int(row.layout.timer)])?.add(value)
    }

    private func addBatch(_ arrival: Arrival, _ row: Row, _ column: UnsafeMutablePointer<Column>) {
        guard row.layout.timer != 0,
            let quantiles = column.pointee.timers.state(&row.words[Int(row.layout.timer)])
        else { return arrival.forEachValue { row.addTimer($0) } }
        batch.removeAll(keeping: arrival.values)
        arrival.forEachValue {
            row.addTimer($0)
            batch.append($0)
        }
        quantiles.add(contentsOf: batch.values)
    }

    @inline(__always)
    private func finish(_ arrival: Arrival, _ row: Row) {
        counters.applied &+= UInt64(arrival.values)
        if arrival.annotation != 0 { row.setAnnotation(arrival.annotation) }
    }

    @inline(__always)
    private func opened(
        _ lookup: Column.RowLookup, _ column: UnsafeMutablePointer<Column>, _ values: Int
    ) -> Row? {
        switch lookup {
        case .open(let words):
            let row = Row(words, column.pointee.layout)
            if row.hasRoom(for: values) { return row }
            counters.rejected.add(UInt64(values), .windowFull)
        case .closed: counters.rejected.add(UInt64(values), .windowClosed)
        case .limit: counters.rejected.add(UInt64(values), .windowLimit)
        case .noMemory: counters.rejected.add(UInt64(values), .outOfMemory)
        }
        return nil
    }
}
