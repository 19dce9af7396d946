import Metrics

/// What a rollup rule's steps must obey so that the aggregator can carry them out.
///
/// Source: `docs/rules.md`, Steps.
public enum PipelineCheck {
    public struct Problem: Error, Equatable, Sendable {
        /// The index of the step that is wrong.
        public var step: Int
        public var problem: String
        public var remedy: String
    }

    /// The most steps of a rule.
    public static let maxSteps = 16

    /// The first thing that is wrong with the steps, or nil.
    public static func problem(in steps: [RuleStep], suffix: OutputSuffix) -> Problem? {
        if steps.count > maxSteps {
            return Problem(
                step: maxSteps, problem: "more than \(maxSteps) steps", remedy: "use fewer steps")
        }
        var derivatives = 0
        let lastRollup = steps.lastIndex {
            if case .rollup = $0 { true } else { false }
        }
        for (index, step) in steps.enumerated() {
            switch step {
            case .aggregate:
                if index > 0 {
                    return Problem(
                        step: index, problem: "'aggregate' is only possible as the first step",
                        remedy: "move it to the start, or give the rollup before it these aggregations")
                }
            case .transform(let type):
                derivatives += type.isBinary ? 1 : 0
                if derivatives > 1 {
                    return Problem(
                        step: index,
                        problem: "a second \(type.name) before a rollup is more than the aggregator supports",
                        remedy: "keep one of PerSecond and Increase between two rollups")
                }
            case .rollup(let rollup):
                derivatives = 0
                if let problem = problem(
                    in: rollup.aggregationID, at: index, of: steps.count, isLast: index == lastRollup, suffix: suffix)
                {
                    return problem
                }
            }
        }
        return nil
    }

    private static func problem(
        in id: AggregationID, at index: Int, of count: Int, isLast: Bool, suffix: OutputSuffix
    ) -> Problem? {
        if id.containsQuantile && index > 0 {
            return Problem(
                step: index,
                problem: "a quantile behind another step would be taken of one value per series and window",
                remedy: "make the rollup with the quantile the only step of its rule; it then sees every sample")
        }
        if id.containsQuantile && count > 1 {
            return Problem(
                step: index, problem: "a quantile cannot stand before another step",
                remedy: "make the rollup with the quantile the only step of its rule")
        }
        if id.typeCount > 1 && !isLast {
            return Problem(
                step: index, problem: "only the last rollup may have several aggregations",
                remedy: "write one rule for each aggregation")
        }
        if suffix == .none, let problem = mixture(id) {
            return Problem(step: index, problem: problem.0, remedy: problem.1)
        }
        return nil
    }

    /// What is wrong with aggregations that are to travel in one message, or nil.
    public static func mixture(_ id: AggregationID) -> (problem: String, remedy: String)? {
        guard id.containsQuantile && id.contains(.last) else { return nil }
        return (
            "quantiles need a timer, which has no Last, and 'suffix: none' sends both as one metric",
            "leave 'suffix: none' out, or write two rules"
        )
    }
}
