import Metrics
import WireFormat

/// From metadata to elements: which aggregations a series has, and what happens to them when its metadata changes.
extension AggregationWorker {
    /// The elements that a stage asks for.
    func specs(
        _ entry: MetadataEntry, stage: Int, category: SeriesKind.Category, metricType: MetricType
    ) throws(DropReason) -> [ElementSpec] {
        let key = MetadataEntry.SpecKey(stage: UInt16(stage), category: category, metricType: metricType)
        if let known = entry.specs[key] { return try known.get() }
        let result: Result<[ElementSpec], DropReason>
        do throws(DropReason) {
            result = .success(try makeSpecs(entry, stage: stage, category: category, metricType: metricType))
            entry.targets += specTargets
        } catch {
            result = .failure(error)
            for target in specTargets { targets.release(target) }
        }
        specTargets.removeAll(keepingCapacity: true)
        entry.specs[key] = result
        return try result.get()
    }

    private func makeSpecs(
        _ entry: MetadataEntry, stage: Int, category: SeriesKind.Category, metricType: MetricType
    ) throws(DropReason) -> [ElementSpec] {
        switch entry.content {
        case .staged(let stages, _):
            var specs: [ElementSpec] = []
            for pipeline in stages[stage].pipelines {
                let policies =
                    pipeline.storagePolicies.isEmpty ? options.defaultStoragePolicies : pipeline.storagePolicies
                for policy in policies {
                    let spec = try spec(
                        bucket: BucketKey(
                            kind: category == .timed ? .timed : .standard, resolutionNanos: policy.resolutionNanos,
                            numForwardedTimes: 0), metricType: metricType, policy: policy,
                        aggregationID: pipeline.aggregationID, pipeline: pipeline.pipeline, hasAffixes: true,
                        routing: pipeline.routingTrafficTypes)
                    if !specs.contains(spec) { specs.append(spec) }
                }
            }
            guard specs.count <= options.limits.maxElementsPerSeries else { throw .elementLimit }
            return specs
        case .timed(let metadata):
            return [
                try spec(
                    bucket: BucketKey(
                        kind: .timed, resolutionNanos: metadata.storagePolicy.resolutionNanos, numForwardedTimes: 0),
                    metricType: metricType, policy: metadata.storagePolicy, aggregationID: metadata.aggregationID,
                    pipeline: AppliedPipeline(), hasAffixes: false, routing: metadata.routingTrafficTypes)
            ]
        case .forward(let metadata):
            guard metadata.numForwardedTimes >= 1, metadata.numForwardedTimes <= options.limits.maxForwardedTimes else {
                throw .invalidForwardCount
            }
            return [
                try spec(
                    bucket: BucketKey(
                        kind: .forwarded, resolutionNanos: metadata.storagePolicy.resolutionNanos,
                        numForwardedTimes: metadata.numForwardedTimes), metricType: metricType,
                    policy: metadata.storagePolicy, aggregationID: metadata.aggregationID,
                    pipeline: metadata.pipeline, hasAffixes: true, routing: metadata.routingTrafficTypes)
            ]
        }
    }

    private func spec(
        bucket: BucketKey, metricType: MetricType, policy: StoragePolicy, aggregationID: AggregationID,
        pipeline: AppliedPipeline, hasAffixes: Bool, routing: UInt64
    ) throws(DropReason) -> ElementSpec {
        var transformations: [TransformationType] = []
        var rollup: RollupTarget?
        for (index, op) in pipeline.ops.enumerated() {
            if case .rollup(let id, let types) = op {
                rollup = RollupTarget(
                    id: id, aggregationID: types, remainder: AppliedPipeline(Array(pipeline.ops[(index + 1)...])))
                break
            }
            guard case .transformation(let type) = op else { continue }
            transformations.append(options.addToReset && type == .add ? .reset : type)
        }
        let shape = try shape(
            ShapeKey(
                bucket: bucket, metricType: metricType, policy: policy, aggregationID: aggregationID,
                transformations: transformations, isRolledUp: rollup != nil, hasAffixes: hasAffixes,
                routingTrafficTypes: routing))
        guard let rollup else { return ElementSpec(shape: shape, target: 0) }
        let target = targets.intern(rollup)
        specTargets.append(target)
        return ElementSpec(shape: shape, target: target)
    }

    /// Brings a series' elements to what its metadata asks for now. Afterwards the fast path finds it settled.
    ///
    /// A stage older than the one in force is stale: the elements stay and take the value. A newer one, or one of the
    /// same cutover with other elements, replaces them: elements that stay keep their windows, the others are
    /// published to their end.
    func settle(
        _ ref: UInt32, _ index: UInt32, kind: SeriesKind, metricType: MetricType, shard: UInt32, now: Int64
    ) throws(DropReason) {
        guard let entry = metadatas.entries[Int(index)] else { throw .badMetadata }
        let record = table.record(ref)
        guard case .staged(let stages, let isDefault) = entry.content else {
            try addSpecified(ref, entry, kind: kind, metricType: metricType, shard: shard, now: now)
            return use(index, stage: 0, of: record)
        }
        let stage = try applicableStage(entry, stages, isDefault, kind.category, now)
        let metadata = stages[stage]
        let isStale = record.pointee.cutover > metadata.cutoverNanos
        if !isStale {
            let wanted = try specs(entry, stage: stage, category: kind.category, metricType: metricType)
            guard !wanted.isEmpty else { throw .noPolicies }
            let present = elements(of: record)
            let presentSpecs = present.map { spec(of: $0) }
            let isSame =
                presentSpecs.count == wanted.count && wanted.allSatisfy { presentSpecs.contains($0) }
            if !isSame {
                var elements: [ElementRef] = []
                elements.reserveCapacity(wanted.count)
                for spec in wanted {
                    if let known = presentSpecs.firstIndex(of: spec) {
                        elements.append(present[known])
                    } else {
                        elements.append(try addElement(spec, shard: shard, ref: ref, now: now))
                    }
                }
                for (element, spec) in zip(present, presentSpecs) where !wanted.contains(spec) { tombstone(element) }
                setElements(elements, of: record)
            }
            record.pointee.cutover = metadata.cutoverNanos
            record.pointee.isDefault = isDefault
        } else if record.pointee.elementCount == 0 {
            throw .noPolicies
        }
        use(index, stage: UInt16(stage), of: record)
    }

    private func applicableStage(
        _ entry: MetadataEntry, _ stages: [StagedMetadata], _ isDefault: Bool, _ category: SeriesKind.Category,
        _ now: Int64
    ) throws(DropReason) -> Int {
        guard let last = stages.last else { throw .emptyMetadataList }
        if category == .timed {
            if isDefault { throw .onlyDefaultMetadata }
            if last.pipelines.contains(where: { $0.dropPolicy != .none }) { throw .onlyDropPolicy }
        }
        guard let stage = entry.activeStage(now) else { throw .noApplicableMetadata }
        if stages[stage].tombstoned { throw .tombstoned }
        if stages[stage].pipelines.isEmpty { throw .noPipelines }
        return stage
    }

    /// The one element of a timed or forwarded metadata, added to those that the series has.
    private func addSpecified(
        _ ref: UInt32, _ entry: MetadataEntry, kind: SeriesKind, metricType: MetricType, shard: UInt32, now: Int64
    ) throws(DropReason) {
        let record = table.record(ref)
        let wanted = try specs(entry, stage: 0, category: kind.category, metricType: metricType)
        var present = elements(of: record)
        for spec in wanted where !present.contains(where: { self.spec(of: $0) == spec }) {
            guard present.count < options.limits.maxElementsPerSeries else { throw .elementLimit }
            present.append(try addElement(spec, shard: shard, ref: ref, now: now))
        }
        setElements(present, of: record)
    }

    private func use(_ index: UInt32, stage: UInt16, of record: UnsafeMutablePointer<SeriesRecord>) {
        let old = record.pointee.metadata
        if old != index {
            metadatas.retain(index)
            record.pointee.metadata = index
            if old != 0 { metadatas.release(old) }
        }
        record.pointee.stage = stage
    }
}
