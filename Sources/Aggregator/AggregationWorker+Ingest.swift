import Aggregation
import Metrics
import WireFormat

/// Taking payloads: read, find the series, add to its windows.
extension AggregationWorker {
    /// Takes metrics of the ingest topic. Bad ones are counted by reason and cost the others nothing.
    /// - Parameters:
    ///   - payloads: where the payloads lie in `bytes`.
    ///   - now: nanoseconds since 1970, the time of arrival.
    ///   - misrouted: gets the positions in `payloads` of metrics whose shard this worker does not own; nothing else
    ///     is counted of them here.
    public func ingest(_ bytes: RawSpan, payloads: [ByteRange], now: Int64, misrouted: inout [Int32]) {
        if startNanos == nil { startNanos = now }
        bytes.withUnsafeBytes { raw in
            withUnsafeTemporaryAllocation(of: Arrival.self, capacity: Arrival.batch) { arrivals in
                var next = 0
                while next < payloads.count {
                    let count = read(bytes, raw, payloads, from: &next, into: arrivals)
                    if table.exceedsCache { readAhead(arrivals, count) }
                    for index in 0..<count where !ingest(arrivals[index], bytes, raw, now) {
                        counters.misrouted &+= 1
                        misrouted.append(Int32(truncatingIfNeeded: arrivals[index].position))
                    }
                }
            }
        }
    }

    /// Reads payloads until a batch is full or none is left.
    /// - Returns: the number of arrivals.
    private func read(
        _ bytes: RawSpan, _ raw: UnsafeRawBufferPointer, _ payloads: [ByteRange], from next: inout Int,
        into arrivals: UnsafeMutableBufferPointer<Arrival>
    ) -> Int {
        var count = 0
        while count < arrivals.count, next < payloads.count {
            let position = next
            next &+= 1
            counters.payloads &+= 1
            do throws(WireError) {
                let view = try MetricReader.read(bytes, in: payloads[position])
                let category: SeriesKind.Category
                switch view.kind {
                case .counter, .gauge, .batchTimer: category = .untimed
                case .timedWithMetadata, .timedWithMetadatas: category = .timed
                case .forwarded: category = .forwarded
                case .passthrough:
                    counters.bad["passthrough_unsupported", default: 0] &+= 1
                    continue
                }
                let kind = SeriesKind(category, view.metricType.rawValue)
                let id = UnsafeRawBufferPointer(rebasing: raw[view.id.offset..<view.id.end])
                arrivals.initializeElement(
                    at: count, to: Arrival(view: view, position: position, kind: kind, tag: table.tag(kind, id)))
                count &+= 1
            } catch {
                counters.bad[error.reason, default: 0] &+= 1
            }
        }
        return count
    }

    /// Reads what adding the arrivals will need, kind by kind, so that the memory of all of them is fetched at once
    /// and not of one after the other.
    private func readAhead(_ arrivals: UnsafeMutableBufferPointer<Arrival>, _ count: Int) {
        for index in 0..<count { arrivals[index].candidate = table.candidate(tag: arrivals[index].tag) }
        for index in 0..<count where arrivals[index].candidate != 0 { table.readAhead(arrivals[index].candidate) }
        for index in 0..<count where arrivals[index].candidate != 0 {
            let record = table.record(arrivals[index].candidate)
            guard record.pointee.elementCount == 1 else { continue }
            let element = record.pointee.elements
            columns[Int(element.column)].readAhead(Int(element.element))
        }
    }

    /// - Returns: false when the shard is another worker's.
    @inline(__always)
    private func ingest(_ arrival: Arrival, _ bytes: RawSpan, _ raw: UnsafeRawBufferPointer, _ now: Int64) -> Bool {
        let view = arrival.view
        let kind = arrival.kind
        let tag = arrival.tag
        let values = view.kind == .batchTimer || view.kind == .forwarded ? view.valueCount : 1
        let id = UnsafeRawBufferPointer(rebasing: raw[view.id.offset..<view.id.end])
        let metadata = UnsafeRawBufferPointer(rebasing: raw[view.metadata.offset..<view.metadata.end])
        var ref = table.find(kind, id, tag: tag)
        if ref == 0 || !isSettled(ref, metadata, now) {
            do throws(DropReason) {
                guard let found = try prepare(view, kind, id, metadata, tag, ref, values, now) else { return false }
                ref = found
            } catch {
                counters.decoded &+= 1
                counters.received &+= UInt64(values)
                counters.unrouted.add(UInt64(values), error)
                return true
            }
        }
        counters.decoded &+= 1
        counters.received &+= UInt64(values)
        counters.routed &+= UInt64(values)
        let record = table.record(ref)
        record.pointee.lastAccess = now
        if record.pointee.elementCount == 1 {
            add(view, bytes, to: record.pointee.elements, values, now)
        } else {
            addToSeveral(view, bytes, record, values, now)
        }
        return true
    }

    /// Whether the series' elements are those that these metadata bytes ask for at this time.
    @inline(__always)
    private func isSettled(_ ref: UInt32, _ metadata: UnsafeRawBufferPointer, _ now: Int64) -> Bool {
        let record = table.record(ref)
        guard record.pointee.stage != SeriesRecord.unsettled,
            metadatas.matches(record.pointee.metadata, metadata)
        else { return false }
        if metadatas.hot[Int(record.pointee.metadata)].cutover <= now { return true }
        guard let entry = metadatas.entries[Int(record.pointee.metadata)] else { return false }
        guard case .staged = entry.content else { return true }
        return entry.activeStage(now) == Int(record.pointee.stage)
    }

    /// The slow path: a new series, or one whose metadata changed.
    /// - Returns: nil when the shard is another worker's.
    @inline(never)
    private func prepare(
        _ view: MetricView, _ kind: SeriesKind, _ id: UnsafeRawBufferPointer, _ metadata: UnsafeRawBufferPointer,
        _ tag: UInt32, _ known: UInt32, _ values: Int, _ now: Int64
    ) throws(DropReason) -> UInt32? {
        let shard = Murmur3.shard(of: id, numShards: UInt32(owned.count))
        guard owned[Int(shard)] else { return nil }
        guard !isShutDown else { throw .shutDown }
        guard view.metricType != .unknown else { throw .invalidMetricType }
        guard id.count <= options.limits.maxIDBytes else { throw .idTooLong }
        let index = try metadatas.intern(view.kind, metadata, limits: options.limits)
        // Held while it is used: settling may be refused, and then nobody holds it.
        metadatas.retain(index)
        defer { metadatas.release(index) }
        var ref = known
        if ref == 0 {
            guard table.count < options.limits.maxSeriesPerWorker,
                let new = table.insert(kind, id, tag: tag, now: now)
            else { throw .seriesLimit }
            ref = new
            counters.seriesCreated &+= 1
        }
        table.record(ref).pointee.lastAccess = now
        try settle(ref, index, kind: kind, metricType: view.metricType, shard: shard, now: now)
        return ref
    }

    // MARK: Adding

    @inline(never)
    private func addToSeveral(
        _ view: MetricView, _ bytes: RawSpan, _ record: UnsafeMutablePointer<SeriesRecord>, _ values: Int, _ now: Int64
    ) {
        guard view.kind == .forwarded || view.kind == .timedWithMetadata else {
            forEachElement(record) { add(view, bytes, to: $0, values, now) }
            return
        }
        // These name one element, which alone takes the value.
        guard let entry = metadatas.entries[Int(record.pointee.metadata)],
            let specs = try? specs(entry, stage: 0, category: record.pointee.kind.category, metricType: view.metricType)
        else { return }
        forEachElement(record) { if specs.contains(spec(of: $0)) { add(view, bytes, to: $0, values, now) } }
    }

    @inline(__always)
    private func add(_ view: MetricView, _ bytes: RawSpan, to element: ElementRef, _ values: Int, _ now: Int64) {
        let column = columns[Int(element.column)]
        counters.applications &+= UInt64(values)
        switch view.kind {
        case .counter, .gauge, .batchTimer: addUntimed(view, bytes, column, Int(element.element), values, now)
        case .forwarded: addForwarded(view, bytes, column, Int(element.element), values, now)
        default: addTimed(view, bytes, column, Int(element.element), now)
        }
    }

    @inline(__always)
    private func addUntimed(
        _ view: MetricView, _ bytes: RawSpan, _ column: Column, _ row: Int, _ values: Int, _ now: Int64
    ) {
        let start = column.shape.windowStart(of: now)
        var lookup = column.window(start)
        if case .closed = lookup { lookup = column.window(start.addingSaturating(column.resolutionNanos)) }
        guard let window = opened(lookup, values) else { return }
        switch view.kind {
        case .counter: window.addCounter(row, view.counterValue)
        case .gauge: window.addGauge(row, view.value, at: now)
        default: addBatch(view, bytes, window, column, row)
        }
        counters.applied &+= UInt64(values)
        if view.annotation.count > 0 { annotate(view, bytes, window, row) }
    }

    @inline(__always)
    private func addTimed(_ view: MetricView, _ bytes: RawSpan, _ column: Column, _ row: Int, _ now: Int64) {
        let age = now.subtractingSaturating(view.timeNanos)
        guard age >= -options.bufferForFutureTimedMetricsNanos else { return counters.rejected.add(1, .tooFarInFuture) }
        guard age <= options.pastBufferNanos(resolutionNanos: column.resolutionNanos) else {
            return counters.rejected.add(1, .tooFarInPast)
        }
        guard let window = opened(column.window(column.shape.windowStart(of: view.timeNanos)), 1) else { return }
        switch column.metricType {
        case .counter: window.addCounter(row, CounterState.truncate(view.value))
        case .gauge: window.addGauge(row, view.value, at: view.timeNanos)
        default: window.addTimer(row, view.value, pool: pools[Int(column.shapeIndex)])
        }
        counters.applied &+= 1
        if view.annotation.count > 0 { annotate(view, bytes, window, row) }
    }

    private func addForwarded(
        _ view: MetricView, _ bytes: RawSpan, _ column: Column, _ row: Int, _ values: Int, _ now: Int64
    ) {
        let count = UInt64(values)
        guard view.version == 0 else { return counters.rejected.add(count, .resendUnsupported) }
        let allowed = options.forwardingDelayNanos(
            resolutionNanos: column.resolutionNanos,
            numForwardedTimes: column.shape.key.bucket.numForwardedTimes)
        guard now.subtractingSaturating(view.timeNanos) <= allowed else {
            return counters.rejected.add(count, .forwardedTooLate)
        }
        guard let entry = metadatas.entries[Int(table.record(column.series[row]).pointee.metadata)],
            case .forward(let metadata) = entry.content, Int(metadata.sourceID) < column.sourceWords * 64
        else { return counters.rejected.add(count, .sourceOutOfRange) }
        guard let window = opened(column.window(column.shape.windowStart(of: view.timeNanos)), values) else { return }
        guard window.markSource(row, Int(metadata.sourceID)) else {
            counters.duplicates &+= count
            return
        }
        view.forEachValue(in: bytes) { (value) throws(Never) in
            switch column.metricType {
            case .counter: window.addCounter(row, CounterState.truncate(value))
            case .gauge: window.addGauge(row, value, at: view.timeNanos)
            default: window.addTimer(row, value, pool: pools[Int(column.shapeIndex)])
            }
        }
        counters.applied &+= count
        if view.annotation.count > 0 { annotate(view, bytes, window, row) }
    }

    private func addBatch(_ view: MetricView, _ bytes: RawSpan, _ window: Window, _ column: Column, _ row: Int) {
        let pool = pools[Int(column.shapeIndex)]
        view.forEachValue(in: bytes) { (value) throws(Never) in window.addTimer(row, value, pool: pool) }
    }

    @inline(__always)
    private func opened(_ lookup: Column.WindowLookup, _ values: Int) -> Window? {
        switch lookup {
        case .open(let window): return window
        case .closed: counters.rejected.add(UInt64(values), .windowClosed)
        case .limit: counters.rejected.add(UInt64(values), .windowLimit)
        }
        return nil
    }

    @inline(never)
    private func annotate(_ view: MetricView, _ bytes: RawSpan, _ window: Window, _ row: Int) {
        let limits = options.limits
        let isKnown = window.annotations[UInt32(row)] != nil
        guard view.annotation.count <= limits.maxAnnotationBytes,
            isKnown || window.annotations.count < limits.maxAnnotations
        else {
            counters.annotationsDropped &+= 1
            return
        }
        window.annotate(row, view.annotation.array(from: bytes))
    }
}
