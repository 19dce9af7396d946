import Metrics

/// What drop policies do to the pipelines of a metric.
///
/// Source: `docs/rules.md`, Dropping.
public enum DropPolicies {
    public enum Outcome: Sendable, Equatable {
        case noPolicyPresent
        /// The metric is not aggregated: one pipeline that says so is left.
        case effective
        /// Other rules matched too; the policies were taken out of the pipelines.
        case removedAsIneffective
    }

    /// Applies the policies to pipelines, or removes them.
    ///
    /// - Parameter policy: reads the drop policy of a pipeline.
    /// - Returns: what happened; with ``Outcome/effective`` the pipelines no longer matter.
    public static func apply<Pipeline>(
        to pipelines: inout [Pipeline], policy: (Pipeline) -> DropPolicy
    ) -> Outcome {
        var conditional = 0
        for pipeline in pipelines {
            switch policy(pipeline) {
            case .must: return .effective
            case .ifOnlyMatch: conditional += 1
            case .none: break
            }
        }
        if conditional == 0 { return .noPolicyPresent }
        if conditional == pipelines.count { return .effective }
        pipelines.removeAll { policy($0) != .none }
        return .removedAsIneffective
    }

    /// The same for plain pipelines, which become the single dropping one when a policy is effective.
    public static func apply(to pipelines: inout [PipelineMetadata]) -> Outcome {
        let outcome = apply(to: &pipelines) { $0.dropPolicy }
        if outcome == .effective { pipelines = [PipelineMetadata(dropPolicy: .must)] }
        return outcome
    }
}
