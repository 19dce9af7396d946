import Metrics
import WireFormat

/// Taking payloads: read, find the series, make sure of its elements.
extension AggregationWorker {
    /// Takes metrics of the ingest topic. Bad ones are counted by reason and cost the others nothing.
    /// - Parameters:
    ///   - payloads: where the payloads lie in `bytes`.
    ///   - now: nanoseconds since 1970, the time of arrival.
    ///   - takesPassthrough: whether passthrough metrics are known on the way that these came: M3's raw TCP, not m3msg.
    ///   - misrouted: gets the positions in `payloads` of metrics whose shard another worker owns, in ascending order;
    ///     nothing else is counted of them here.
    public func ingest(
        _ bytes: RawSpan, payloads: [ByteRange], now: Int64, takesPassthrough: Bool = false, misrouted: inout [Int32]
    ) {
        if startNanos == nil { startNanos = now }
        self.takesPassthrough = takesPassthrough
        noteRestrictions(now: now)
        bytes.withUnsafeBytes { raw in
            for (position, payload) in payloads.enumerated() {
                counters.payloads &+= 1
                do throws(WireError) {
                    prepare(try MetricReader.read(bytes, in: payload), raw, position)
                    if prepared.count == PreparedBatch.capacity { addPrepared(raw, now, &misrouted) }
                } catch WireError.scattered {
                    // What came before it is added before it.
                    addPrepared(raw, now, &misrouted)
                    ingestScattered(bytes, payload, position, now, &misrouted)
                } catch {
                    counters.bad[error.reason, default: 0] &+= 1
                }
            }
            addPrepared(raw, now, &misrouted)
        }
    }

    private func ingestScattered(
        _ bytes: RawSpan, _ payload: ByteRange, _ position: Int, _ now: Int64, _ misrouted: inout [Int32]
    ) {
        do throws(WireError) {
            let gathered = try MetricReader.gathered(bytes, in: payload)
            let view = try MetricReader.read(gathered.span.bytes, in: ByteRange(offset: 0, count: gathered.count))
            gathered.withUnsafeBytes { raw in
                prepare(view, raw, position)
                addPrepared(raw, now, &misrouted)
            }
        } catch {
            counters.bad[error.reason, default: 0] &+= 1
        }
    }

    @inline(__always)
    private func prepare(_ view: MetricView, _ raw: UnsafeRawBufferPointer, _ position: Int) {
        let category: SeriesKind.Category
        let form: MetadataForm
        switch view.kind {
        case .counter, .gauge, .batchTimer: (category, form) = (.untimed, .staged)
        case .timedWithMetadatas: (category, form) = (.timed, .staged)
        case .timedWithMetadata: (category, form) = (.timed, .timed)
        case .forwarded: (category, form) = (.forwarded, .forward)
        case .passthrough:
            if takesPassthrough { return passThrough(view, raw) }
            counters.bad["passthrough_unsupported", default: 0] &+= 1
            return
        }
        let kind = SeriesKind(category, view.metricType.rawValue)
        prepared.append(
            PreparedBatch.Item(
                view: view, kind: kind, form: form, tag: table.tag(kind, view.id.buffer(in: raw)), ref: 0,
                position: position))
    }

    @inline(never)
    private func addPrepared(_ raw: UnsafeRawBufferPointer, _ now: Int64, _ misrouted: inout [Int32]) {
        let count = prepared.count
        guard count > 0 else { return }
        let items = prepared.items
        for i in 0..<count { items[i].ref = table.candidate(tag: items[i].tag) }
        touch(items, count)
        for i in 0..<count where !add(items + i, raw, now) {
            counters.misrouted &+= 1
            misrouted.append(Int32(truncatingIfNeeded: items[i].position))
        }
        prepared.count = 0
    }

    /// Reads of every record what its addition is going to need first.
    @inline(__always)
    private func touch(_ items: UnsafeMutablePointer<PreparedBatch.Item>, _ count: Int) {
        var sum: UInt64 = 0
        for i in 0..<count where items[i].ref != 0 { sum &+= table.touch(items[i].ref) }
        for i in 0..<count where items[i].ref != 0 {
            let record = table.record(items[i].ref)
            if record.pointee.elementCount == 1 {
                sum &+= columns[record.pointee.elements.column].pointee.touch(record.pointee.elements.element)
            }
        }
        prepared.touched &+= sum
    }

    /// - Returns: false when the shard is another worker's.
    @inline(__always)
    private func add(
        _ item: UnsafeMutablePointer<PreparedBatch.Item>, _ raw: UnsafeRawBufferPointer, _ now: Int64
    ) -> Bool {
        let id = item.pointee.view.id.buffer(in: raw)
        let kind = item.pointee.kind
        var ref = item.pointee.ref
        // Another id may have the same tag, and an earlier metric of the batch may have made the series.
        if ref == 0 || !table.matches(ref, kind, id) { ref = table.find(kind, id, tag: item.pointee.tag) }
        var metadata = item.pointee.view.metadata.buffer(in: raw)
        var source: UInt32 = 0
        var sketch = UnsafeRawBufferPointer(start: nil, count: 0)
        if item.pointee.form == .forward {
            let parts = forwardSource.split(metadata)
            (source, sketch, metadata) = (parts.source, parts.sketch, parts.rest)
        }
        let values = item.pointee.view.kind.isBatch ? item.pointee.view.valueCount : 1
        // Of a limit of values, a forwarded message takes as much as one value.
        let weight = item.pointee.form == .forward ? 1 : values
        if restrictsWrites, let reason = refusal(of: id, ref, weight, now) {
            return refuse(values, reason, of: ref, now)
        }
        if ref == 0 || !isSettled(ref, item.pointee.form, metadata, now) {
            do throws(DropReason) {
                guard let found = try settle(item, id, metadata, ref, now) else { return false }
                if ref == 0, restrictsWrites, exceedsValueLimit(found, weight, now) { throw .valueRateLimit }
                ref = found
            } catch {
                return refuse(values, error, of: ref, now)
            }
        }
        counters.decoded &+= 1
        counters.received &+= UInt64(values)
        counters.routed &+= UInt64(values)
        let record = table.record(ref)
        record.pointee.lastAccess = now
        let arrival = Arrival(
            view: item.pointee.view, raw: raw, now: now, values: values, source: source, sketch: sketch,
            annotation: item.pointee.view.annotation.count == 0 ? 0 : annotation(item.pointee.view, raw))
        if record.pointee.elementCount == 1 {
            add(arrival, to: record.pointee.elements)
        } else {
            addToSeveral(arrival, record, item.pointee.form)
        }
        return true
    }

    /// Counts values that have no element to go to. Their series stays alive, unless it was its limit that refused them.
    private func refuse(_ values: Int, _ reason: DropReason, of ref: UInt32, _ now: Int64) -> Bool {
        if ref != 0, reason != .valueRateLimit, reason != .shardNotWritable {
            table.record(ref).pointee.lastAccess = now
        }
        counters.decoded &+= 1
        counters.received &+= UInt64(values)
        counters.unrouted.add(UInt64(values), reason)
        return true
    }

    /// Whether the series' elements are those that these metadata bytes ask for at this time.
    @inline(__always)
    private func isSettled(
        _ ref: UInt32, _ form: MetadataForm, _ metadata: UnsafeRawBufferPointer, _ now: Int64
    ) -> Bool {
        let record = table.record(ref)
        return metadatas.isCurrent(record.pointee.metadata, stage: record.pointee.stage, form, metadata, now)
    }

    @inline(__always)
    private func annotation(_ view: MetricView, _ raw: UnsafeRawBufferPointer) -> UInt32 {
        if view.annotation.count <= options.limits.maxAnnotationBytes,
            let number = annotations.number(of: view.annotation.buffer(in: raw))
        {
            return number
        }
        counters.annotationsDropped &+= 1
        return 0
    }

    @inline(never)
    private func addToSeveral(
        _ arrival: Arrival, _ record: UnsafeMutablePointer<SeriesRecord>, _ form: MetadataForm
    ) {
        let elements = elements(of: record)
        guard form != .staged else {
            for element in elements { add(arrival, to: element) }
            return
        }
        // These name one element, which alone takes the value.
        guard let entry = metadatas[record.pointee.metadata],
            let wanted = try? specs(of: entry, stage: 0, kind: record.pointee.kind).first
        else { return }
        for element in elements where isSameElement(spec(of: element), wanted) { add(arrival, to: element) }
    }
}

extension ByteRange {
    /// The bytes of a range that a reader made of the same bytes.
    @inline(__always)
    func buffer(in raw: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: raw.baseAddress.map { $0 + offset }, count: count)
    }
}

extension PayloadKind {
    /// Whether a payload of this kind carries any number of values.
    @inline(__always) var isBatch: Bool { self == .batchTimer || self == .forwarded }
}
