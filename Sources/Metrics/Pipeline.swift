/// A function applied to a window's value before it is published or forwarded. Raw values are those of the wire.
public enum TransformationType: UInt8, Sendable, Hashable, CaseIterable {
    case absolute = 1
    case perSecond = 2
    case increase = 3
    case add = 4
    case reset = 5

    /// Whether the function needs the value of the window before.
    @inlinable public var isBinary: Bool { self == .perSecond || self == .increase }

    /// The name in rules, in exactly this spelling.
    public var name: String {
        switch self {
        case .absolute: "Absolute"
        case .perSecond: "PerSecond"
        case .increase: "Increase"
        case .add: "Add"
        case .reset: "Reset"
        }
    }

    /// - Throws: ``MetricsError/invalidTransformationType(_:)``
    public init(name: String) throws(MetricsError) {
        guard let type = Self.allCases.first(where: { $0.name == name }) else {
            throw .invalidTransformationType(name)
        }
        self = type
    }
}

/// A step of a pipeline as it is sent to the aggregator, rollup ids already made.
public enum PipelineOp: Sendable, Hashable {
    case transformation(TransformationType)
    /// Forward to the metric with this id, to be aggregated there by these types.
    case rollup(id: [UInt8], aggregationID: AggregationID)
}

/// The steps a metric goes through after its first aggregation; empty for plain downsampling.
public struct AppliedPipeline: Sendable, Hashable {
    public var ops: [PipelineOp]
    public init(_ ops: [PipelineOp] = []) { self.ops = ops }
    public var isEmpty: Bool { ops.isEmpty }

    /// The index of the first rollup: before it stand local transformations, behind it the steps of the next stage.
    public var firstRollupIndex: Int? {
        ops.firstIndex { if case .rollup = $0 { true } else { false } }
    }
}
