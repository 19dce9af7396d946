import Metrics
import WireFormat

/// From metadata to elements: which aggregations a series has, and what happens to them when its metadata changes.
extension AggregationWorker {
    /// The slow path: a new series, or one whose metadata is other than last time. Afterwards the fast path finds it
    /// settled.
    /// - Returns: the record of the series, nil when its shard is another worker's.
    @inline(never)
    func settle(
        _ item: UnsafeMutablePointer<PreparedBatch.Item>, _ id: UnsafeRawBufferPointer,
        _ metadata: UnsafeRawBufferPointer, _ known: UInt32, _ now: Int64
    ) throws(DropReason) -> UInt32? {
        let kind = item.pointee.kind
        let shard = Murmur3.shard(of: id, numShards: UInt32(owners.count))
        switch owners[Int(shard)] {
        case .anotherWorker: return nil
        case .nobody: throw .shardNotOwned
        case .thisWorker: break
        }
        guard !isShutDown else { throw .shutDown }
        guard item.pointee.view.metricType != .unknown else { throw .invalidMetricType }
        guard id.count <= options.limits.maxIDBytes else { throw .idTooLong }
        let number = try metadatas.intern(item.pointee.form, metadata, limits: options.limits)
        // Held while it is used: settling may be refused, and then nobody holds it.
        metadatas.retain(number)
        defer { metadatas.release(number) }
        guard let entry = metadatas[number] else { throw .badMetadata }
        let stage = try applicableStage(entry, number, kind, now)
        if known != 0 {
            try settle(known, entry, stage: stage, shard: shard, now: now)
            use(number, stage: stage, of: known)
            return known
        }
        // A series is made when it is known to have elements.
        let wanted = try specs(of: entry, stage: stage, kind: kind)
        guard !wanted.isEmpty else { throw .noPolicies }
        guard allowsNewSeries(inShard: shard, now: now) else { throw .newMetricRateLimit }
        guard table.count < options.limits.maxSeriesPerWorker,
            let ref = table.insert(kind, id, tag: item.pointee.tag, now: now)
        else { throw .seriesLimit }
        do throws(DropReason) {
            try settle(ref, entry, stage: stage, shard: shard, now: now)
        } catch {
            table.remove(ref, tag: item.pointee.tag)
            releaseRecord(ref)
            throw error
        }
        counters.seriesCreated &+= 1
        use(number, stage: stage, of: ref)
        return ref
    }

    /// - Throws: the reason for which values with this metadata are not aggregated now.
    private func applicableStage(
        _ entry: MetadataEntry, _ number: UInt32, _ kind: SeriesKind, _ now: Int64
    ) throws(DropReason) -> Int {
        guard case .staged(let stages) = entry.content else { return metadatas.activate(number, at: now) ?? 0 }
        guard let last = stages.last else { throw .emptyMetadataList }
        if kind.category == .timed {
            if entry.isDefault { throw .onlyDefaultMetadata }
            if last.pipelines.contains(where: { $0.dropPolicy != .none }) { throw .onlyDropPolicy }
        }
        guard let stage = metadatas.activate(number, at: now) else { throw .noApplicableMetadata }
        if stages[stage].tombstoned { throw .tombstoned }
        if stages[stage].pipelines.isEmpty { throw .noPipelines }
        return stage
    }

    /// Brings a series' elements to what a stage asks for.
    ///
    /// A stage older than the one in force is stale: the elements stay and take the value. A newer one, or one of the
    /// same cutover with other elements, replaces them: elements that stay keep their windows, the others are
    /// published to their end.
    private func settle(
        _ ref: UInt32, _ entry: MetadataEntry, stage: Int, shard: UInt32, now: Int64
    ) throws(DropReason) {
        let record = table.record(ref)
        guard case .staged(let stages) = entry.content else {
            return try addSpecified(ref, entry, shard: shard, now: now)
        }
        let cutover = stages[stage].cutoverNanos
        let isNew = record.pointee.elementCount == 0
        if !isNew {
            // From defaults to defaults nothing changes, whatever the cutover.
            if record.pointee.isDefault && entry.isDefault { return }
            if record.pointee.cutover > cutover { return }
        }
        let wanted = try specs(of: entry, stage: stage, kind: record.pointee.kind)
        let present = Array(elements(of: record))
        let presentSpecs = present.map { spec(of: $0) }
        if isNew || record.pointee.cutover < cutover || !isSameSet(wanted, presentSpecs) {
            guard !wanted.isEmpty else { throw .noPolicies }
            try replace(present, presentSpecs, by: wanted, of: ref, shard: shard, now: now)
        }
        record.pointee.cutover = cutover
        record.pointee.isDefault = entry.isDefault
    }

    private func isSameSet(_ wanted: [ElementSpec], _ present: [ElementSpec]) -> Bool {
        wanted.count == present.count && wanted.allSatisfy { present.contains($0) }
    }

    private func replace(
        _ present: [ElementRef], _ presentSpecs: [ElementSpec], by wanted: [ElementSpec], of ref: UInt32,
        shard: UInt32, now: Int64
    ) throws(DropReason) {
        var elements: [ElementRef] = []
        var added: [ElementRef] = []
        do throws(DropReason) {
            for spec in wanted {
                if let index = presentSpecs.firstIndex(where: { isSameElement($0, spec) }) {
                    elements.append(present[index])
                } else {
                    let element = try addElement(spec, shard: shard, ref: ref, now: now)
                    elements.append(element)
                    added.append(element)
                }
            }
            try setElements(elements, of: table.record(ref))
        } catch {
            // The series keeps what it had; what was made for it goes with the next flush.
            for element in added { tombstone(element) }
            throw error
        }
        for (element, spec) in zip(elements, wanted) { setTarget(spec.target, of: element) }
        for element in present where !elements.contains(element) { tombstone(element) }
    }

    /// The one element of a timed or forwarded metadata, added to those that the series has.
    private func addSpecified(
        _ ref: UInt32, _ entry: MetadataEntry, shard: UInt32, now: Int64
    ) throws(DropReason) {
        let record = table.record(ref)
        let present = Array(elements(of: record))
        guard let wanted = try specs(of: entry, stage: 0, kind: record.pointee.kind).first else { throw .noPolicies }
        if let known = present.first(where: { isSameElement(spec(of: $0), wanted) }) {
            return setTarget(wanted.target, of: known)
        }
        guard present.count < options.limits.maxElementsPerSeries else { throw .elementLimit }
        let element = try addElement(wanted, shard: shard, ref: ref, now: now)
        do throws(DropReason) {
            try setElements(present + [element], of: table.record(ref))
        } catch {
            tombstone(element)
            throw error
        }
    }

    private func use(_ number: UInt32, stage: Int, of ref: UInt32) {
        let record = table.record(ref)
        let old = record.pointee.metadata
        if old != number {
            metadatas.retain(number)
            record.pointee.metadata = number
            if old != 0 { metadatas.release(old) }
        }
        record.pointee.stage = UInt16(stage)
    }

    // MARK: Specs

    /// The elements that a stage asks for, without repetitions.
    func specs(of entry: MetadataEntry, stage: Int, kind: SeriesKind) throws(DropReason) -> [ElementSpec] {
        let key = MetadataEntry.SpecKey(stage: UInt16(stage), kind: kind.rawValue)
        if let known = entry.specs[key] { return try known.get() }
        var made: [ElementSpec] = []
        let result: Result<[ElementSpec], DropReason>
        do throws(DropReason) {
            try makeSpecs(of: entry, stage: stage, kind: kind, into: &made)
            result = .success(made)
        } catch {
            for spec in made { release(spec) }
            // At a limit the same metadata may do later.
            if error == .shapeLimit { throw error }
            result = .failure(error)
        }
        entry.specs[key] = result
        return try result.get()
    }

    private func makeSpecs(
        of entry: MetadataEntry, stage: Int, kind: SeriesKind, into specs: inout [ElementSpec]
    ) throws(DropReason) {
        let metricType = MetricType(rawValue: kind.metricType) ?? .unknown
        switch entry.content {
        case .staged(let stages):
            let list: ListKind = kind.category == .timed ? .timed : .standard
            for pipeline in stages[stage].pipelines {
                let policies =
                    pipeline.storagePolicies.isEmpty ? options.defaultStoragePolicies : pipeline.storagePolicies
                for policy in policies {
                    let request = SpecRequest(
                        list: list, metricType: metricType, policy: policy, aggregationID: pipeline.aggregationID,
                        pipeline: options.addToReset ? pipeline.pipeline.addReplacedByReset : pipeline.pipeline,
                        routingTrafficTypes: pipeline.routingTrafficTypes, resendEnabled: pipeline.resendEnabled,
                        quantileMethod: pipeline.quantileMethod)
                    try append(request, to: &specs)
                }
            }
        case .timed(let metadata):
            let request = SpecRequest(
                list: .timed, metricType: metricType, policy: metadata.storagePolicy,
                aggregationID: metadata.aggregationID, hasAffixes: false,
                routingTrafficTypes: metadata.routingTrafficTypes)
            try append(request, to: &specs)
        case .forward(let metadata):
            guard metadata.numForwardedTimes >= 1, metadata.numForwardedTimes <= options.limits.maxForwardedTimes else {
                throw .invalidForwardCount
            }
            let request = SpecRequest(
                list: .forwarded, numForwardedTimes: metadata.numForwardedTimes, metricType: metricType,
                policy: metadata.storagePolicy, aggregationID: metadata.aggregationID, pipeline: metadata.pipeline,
                routingTrafficTypes: metadata.routingTrafficTypes, resendEnabled: metadata.resendEnabled,
                quantileMethod: metadata.quantileMethod)
            try append(request, to: &specs)
        }
    }

    private func append(_ request: SpecRequest, to specs: inout [ElementSpec]) throws(DropReason) {
        let shape = try shape(request.shapeKey)
        let spec = ElementSpec(shape: shape, target: target(request.target))
        // Held for as long as the metadata is; a repetition at once gives its hold up.
        retain(spec)
        if specs.contains(where: { isSameElement($0, spec) }) { return release(spec) }
        specs.append(spec)
        guard specs.count <= options.limits.maxElementsPerSeries else { throw .elementLimit }
    }
}
