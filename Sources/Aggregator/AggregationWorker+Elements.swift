import Metrics

struct ColumnKey: Hashable {
    var shard: UInt32
    var shape: UInt32
}

/// Making and dropping elements, and what they hold: columns, shapes, targets.
extension AggregationWorker {
    // MARK: Shapes and targets

    /// The number of a shape, which the caller has to hold before anything else happens.
    func shape(_ key: ShapeKey) throws(DropReason) -> UInt32 {
        if let number = shapes.number(of: key) { return number }
        guard key.policy.resolutionNanos > 0 else { throw .invalidResolution }
        guard shapes.count < options.limits.maxShapes else { throw .shapeLimit }
        guard key.transformations.count(where: \.isBinary) <= 1 else { throw .invalidPipeline }
        let types: [AggregationType]
        if key.aggregationID.isDefault {
            types = options.defaultTypes(for: key.metricType)
        } else {
            do {
                types = try key.aggregationID.types(for: key.metricType)
            } catch {
                throw .invalidAggregation
            }
        }
        let shape = ElementShape(key, types: types, options: options)
        return shapes.add(key, (shape, TimerPool(estimator: key.estimator(options), quantiles: shape.quantiles)))
    }

    /// The number of a target, which the caller has to hold before anything else happens.
    func target(_ target: ElementTarget) -> UInt32 { targets.number(of: target) ?? targets.add(target, target) }

    func retain(_ spec: ElementSpec) {
        shapes.retain(spec.shape)
        targets.retain(spec.target)
    }

    func release(_ spec: ElementSpec) {
        shapes.release(spec.shape)
        targets.release(spec.target)
    }

    /// Whether two specs name the same element: the routing may differ and is then set anew.
    func isSameElement(_ a: ElementSpec, _ b: ElementSpec) -> Bool {
        a.shape == b.shape && (a.target == b.target || targets[a.target]?.rollup == targets[b.target]?.rollup)
    }

    // MARK: Columns

    private func column(_ shard: UInt32, _ shapeNumber: UInt32, now: Int64) throws(DropReason) -> UInt32 {
        let key = ColumnKey(shard: shard, shape: shapeNumber)
        if let number = columnNumbers[key] { return number }
        guard let (shape, timers) = shapes[shapeNumber] else { throw .invalidAggregation }
        let bucket = try bucket(shape.key.bucket, now: now)
        let number = columns.add(
            Column(
                shape: shape, shapeNumber: shapeNumber, timers: timers, shard: shard, bucket: bucket, pool: pool,
                maxWindows: options.limits.maxOpenWindows))
        shapes.retain(shapeNumber)
        columnNumbers[key] = number
        buckets[bucket].add(column: number, shard: shard)
        return number
    }

    /// Forgets a column without elements and windows.
    func removeColumn(_ number: UInt32) {
        let column = columns[number]
        let key = ColumnKey(shard: column.pointee.shard, shape: column.pointee.shapeNumber)
        columnNumbers[key] = nil
        buckets[column.pointee.bucket].remove(column: number, shard: key.shard)
        columns.remove(number)
        shapes.release(key.shape)
    }

    private func bucket(_ key: BucketKey, now: Int64) throws(DropReason) -> Int {
        if let number = bucketNumbers[key] { return number }
        let new = FlushBucket(key, options: options, random: random.next(), now: now)
        let number: Int
        if buckets.count < options.limits.maxFlushBuckets {
            number = buckets.count
            buckets.append(new)
        } else if let unused = buckets.firstIndex(where: \.isUnused) {
            number = unused
            bucketNumbers[buckets[unused].key] = nil
            buckets[unused] = new
        } else {
            throw .flushBucketLimit
        }
        bucketNumbers[key] = number
        return number
    }

    // MARK: Elements

    func addElement(_ spec: ElementSpec, shard: UInt32, ref: UInt32, now: Int64) throws(DropReason) -> ElementRef {
        let number = try column(shard, spec.shape, now: now)
        guard let element = columns[number].pointee.addElement(series: ref, target: spec.target) else {
            throw .outOfMemory
        }
        targets.retain(spec.target)
        noteResend(spec.target, columns[number])
        table.record(ref).pointee.holders += 1
        counters.elementsCreated &+= 1
        liveElements += 1
        return ElementRef(column: number, element: element)
    }

    func spec(of element: ElementRef) -> ElementSpec {
        let column = columns[element.column]
        return ElementSpec(shape: column.pointee.shapeNumber, target: column.pointee.target(element.element))
    }

    /// Sets the routing of an element anew.
    func setTarget(_ target: UInt32, of element: ElementRef) {
        let column = columns[element.column]
        let old = column.pointee.target(element.element)
        guard old != target else { return }
        targets.retain(target)
        targets.release(old)
        column.pointee.setTarget(element.element, target)
        noteResend(target, column)
    }

    /// Timed windows are published once whatever their metadata says, as in M3.
    private func noteResend(_ target: UInt32, _ column: UnsafeMutablePointer<Column>) {
        if column.pointee.shape.key.bucket.kind == .timed { return }
        if targets[target]?.resendEnabled == true { column.pointee.mayResend = true }
    }

    func tombstone(_ element: ElementRef) { columns[element.column].pointee.tombstone(element.element) }

    /// Gives up one hold on a record, and its memory with the last one.
    func releaseRecord(_ ref: UInt32) {
        let record = table.record(ref)
        record.pointee.holders -= 1
        guard record.pointee.holders == 0 else { return }
        table.release(ref)
        if !valueLimiters.isEmpty { valueLimiters[ref] = nil }
    }

    // MARK: The elements of a series

    /// Where a series' elements stand: in its record when there is one, else in a list of their own.
    @inline(__always)
    func elements(of record: UnsafeMutablePointer<SeriesRecord>) -> UnsafeMutableBufferPointer<ElementRef> {
        let count = Int(record.pointee.elementCount)
        if count <= 1 {
            let own = UnsafeMutableRawPointer(record) + SeriesRecord.elementsOffset
            return UnsafeMutableBufferPointer(start: own.assumingMemoryBound(to: ElementRef.self), count: count)
        }
        let list = table.arena.address(record.pointee.elements.element)
        return UnsafeMutableBufferPointer(start: list.assumingMemoryBound(to: ElementRef.self), count: count)
    }

    private static func listUnits(_ count: Int) -> Int {
        SeriesArena.units(bytes: count * MemoryLayout<ElementRef>.stride)
    }

    /// - Throws: ``DropReason/outOfMemory`` when there is no memory; nothing has changed then.
    func setElements(_ elements: [ElementRef], of record: UnsafeMutablePointer<SeriesRecord>) throws(DropReason) {
        var list: UInt32 = 0
        if elements.count > 1 {
            guard let memory = table.arena.allocate(units: Self.listUnits(elements.count)) else { throw .outOfMemory }
            list = memory
        }
        clearElements(of: record)
        record.pointee.elementCount = UInt16(elements.count)
        if elements.count == 1 { record.pointee.elements = elements[0] }
        guard elements.count > 1 else { return }
        record.pointee.elements = ElementRef(column: 0, element: list)
        let memory = table.arena.address(list).bindMemory(to: ElementRef.self, capacity: elements.count)
        for (index, element) in elements.enumerated() { (memory + index).initialize(to: element) }
    }

    func clearElements(of record: UnsafeMutablePointer<SeriesRecord>) {
        let count = Int(record.pointee.elementCount)
        if count > 1 { table.arena.release(record.pointee.elements.element, units: Self.listUnits(count)) }
        record.pointee.elementCount = 0
    }
}
