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
        // An empty batch makes no window, as in M3 with a limit on batch sizes.
        if arrival.values == 0 { return }
        let column = columns[element.column]
        counters.applications &+= UInt64(arrival.values)
        switch arrival.view.kind {
        case .counter, .gauge, .batchTimer: addUntimed(arrival, column, element.element)
        case .forwarded: addForwarded(arrival, column, element.element)
        default: addTimed(arrival, column, element.element)
        }
    }

    @inline(__always)
    private func addUntimed(_ arrival: Arrival, _ column: UnsafeMutablePointer<Column>, _ element: UInt32) {
        var lookup = column.pointee.row(element, at: arrival.now)
        if case .closed = lookup {
            // The clock went back behind a flush: the value goes to the next window.
            lookup = column.pointee.row(element, at: arrival.now.addingSaturating(column.pointee.resolutionNanos))
        }
        guard let row = opened(lookup, column, arrival.values) else { return }
        switch arrival.view.kind {
        case .counter: row.addCounter(arrival.view.counterValue)
        case .gauge: row.addGauge(arrival.view.value, at: arrival.now)
        default: addBatch(arrival, row, column)
        }
        finish(arrival, row)
    }

    @inline(__always)
    private func addTimed(_ arrival: Arrival, _ column: UnsafeMutablePointer<Column>, _ element: UInt32) {
        let time = arrival.view.timeNanos
        let age = arrival.now.subtractingSaturating(time)
        guard age >= -options.bufferForFutureTimedMetricsNanos else { return counters.rejected.add(1, .tooFarInFuture) }
        guard age <= options.pastBufferNanos(resolutionNanos: column.pointee.resolutionNanos) else {
            return counters.rejected.add(1, .tooFarInPast)
        }
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
        let allowed = buckets[column.pointee.bucket].delayNanos
        guard arrival.now.subtractingSaturating(time) <= allowed else {
            return counters.rejected.add(count, .forwardedTooLate)
        }
        guard arrival.view.version == 0 else { return counters.rejected.add(count, .resendUnsupported) }
        guard arrival.source < sources.numSources else { return counters.rejected.add(count, .sourceOutOfRange) }
        guard let row = opened(column.pointee.row(element, at: time), column, arrival.values) else { return }
        guard sources.insert(arrival.source, into: &row.words[Int(row.layout.sources)]) else {
            counters.duplicates &+= count
            return
        }
        switch column.pointee.metricType {
        case .counter: arrival.forEachValue { row.addCounter(CounterState.truncate($0)) }
        case .gauge: arrival.forEachValue { row.addGauge($0, at: time) }
        default: arrival.forEachValue { addTimer($0, row, column) }
        }
        finish(arrival, row)
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
        }
        return nil
    }
}
