import Metrics

/// What a pipeline of some metadata asks for at one policy.
struct SpecRequest {
    var list: ListKind
    var numForwardedTimes: Int32 = 0
    var metricType: MetricType
    var policy: StoragePolicy
    var aggregationID: AggregationID
    var pipeline = AppliedPipeline()
    var hasAffixes = true
    var routingTrafficTypes: UInt64
    var resendEnabled = false
    var quantileMethod: QuantileMethod?

    /// The transformations before the first rollup.
    private var transformations: [TransformationType] {
        pipeline.ops.prefix(pipeline.firstRollupIndex ?? pipeline.ops.count).compactMap {
            if case .transformation(let type) = $0 { type } else { nil }
        }
    }

    var shapeKey: ShapeKey {
        ShapeKey(
            bucket: BucketKey(
                kind: list, resolutionNanos: policy.resolutionNanos, numForwardedTimes: numForwardedTimes),
            metricType: metricType, policy: policy, aggregationID: aggregationID, transformations: transformations,
            isRolledUp: pipeline.firstRollupIndex != nil, hasAffixes: hasAffixes,
            quantileMethod: metricType == .timer ? quantileMethod : nil)
    }

    var target: ElementTarget {
        var target = ElementTarget(
            rollup: nil, routingTrafficTypes: routingTrafficTypes, resendEnabled: resendEnabled)
        if let index = pipeline.firstRollupIndex, case .rollup(let id, let aggregationID) = pipeline.ops[index] {
            target.rollup = RollupDestination(
                metricType: metricType, id: id, aggregationID: aggregationID, policy: policy,
                remainder: AppliedPipeline(Array(pipeline.ops[(index + 1)...])),
                numForwardedTimes: numForwardedTimes &+ 1,
                quantileMethod: metricType == .timer ? quantileMethod : nil)
        }
        return target
    }
}

extension AppliedPipeline {
    /// The same steps with every Add executed as Reset.
    var addReplacedByReset: AppliedPipeline {
        AppliedPipeline(ops.map { $0 == .transformation(.add) ? .transformation(.reset) : $0 })
    }
}
