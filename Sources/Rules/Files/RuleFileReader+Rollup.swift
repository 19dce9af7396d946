import Metrics

extension RuleFileReader {
    private static let rollupKeys = ["name", "filter", "transforms", "storagePolicies", "tags", "suffix", "quantiles"]
    private static let stepKeys = ["transform", "rollup", "aggregate"]
    private static let rollupStepKeys = ["metricName", "groupBy", "excludeBy", "aggregations"]

    mutating func readRollupRule(_ place: YamlField) {
        guard let fields = attempt({ (reader) throws(RuleFileIssue) in try reader.known(place, Self.rollupKeys) })
        else {
            return
        }
        let name = attempt { (reader) throws(RuleFileIssue) in try reader.name(fields["name"], place: place) }
        let filter = attempt { (reader) throws(RuleFileIssue) in try reader.filter(fields["filter"], place: place) }
        let suffix = attempt { (reader) throws(RuleFileIssue) in try reader.suffix(fields["suffix"]) }
        let steps = attempt { (reader) throws(RuleFileIssue) in
            try reader.steps(fields["transforms"], place: place, suffix: suffix ?? .aggregation)
        }
        let policies = attempt { (reader) throws(RuleFileIssue) in
            let policies = try reader.storagePolicies(fields["storagePolicies"])
            if policies.isEmpty {
                throw place.issue("'storagePolicies' is missing", "say where results go, such as [10s:48h]")
            }
            return policies
        }
        let tags = attempt { (reader) throws(RuleFileIssue) in try reader.tags(fields["tags"]) }
        let quantiles = attempt { (reader) throws(RuleFileIssue) in try reader.quantiles(fields["quantiles"]) }
        guard let name, let filter, let suffix, let steps, let policies, let tags, let quantiles else { return }
        let rule = RollupRule(
            name: name, filter: filter, steps: steps, storagePolicies: policies, tags: tags, suffix: suffix,
            quantileMethod: quantiles)
        rollupRules.append(Located(rule: rule, place: place))
    }

    private mutating func steps(
        _ field: YamlField?, place: YamlField, suffix: OutputSuffix
    ) throws(RuleFileIssue) -> [RuleStep] {
        let entries = try list(field)
        guard let first = entries.first else {
            throw place.issue("'transforms' is missing", "list at least one of transform, rollup, aggregate")
        }
        var steps: [RuleStep] = []
        for entry in entries { steps.append(try step(entry)) }
        if let problem = PipelineCheck.problem(in: steps, suffix: suffix) {
            throw entries[problem.step].issue(problem.problem, problem.remedy)
        }
        warnOfBareSum(steps, first)
        return steps
    }

    private mutating func step(_ entry: YamlField) throws(RuleFileIssue) -> RuleStep {
        let fields = try known(entry, Self.stepKeys)
        guard fields.count == 1, let (key, field) = fields.first else {
            throw entry.issue(
                fields.isEmpty
                    ? "the step says nothing" : "a step is one of transform, rollup and aggregate, not several",
                "write one of {transform: {type: Increase}}, {rollup: {…}}, {aggregate: {type: Last}}")
        }
        switch key {
        case "transform": return .transform(try transform(try type(of: field)))
        case "aggregate": return .aggregate(try aggregation(try type(of: field)))
        default: return .rollup(try rollup(field))
        }
    }

    private mutating func type(of field: YamlField) throws(RuleFileIssue) -> YamlField {
        guard let type = try known(field, ["type"])["type"] else {
            throw field.issue("'type' is missing", "write {type: …}")
        }
        return type
    }

    private func transform(_ field: YamlField) throws(RuleFileIssue) -> TransformationType {
        let text = try field.string()
        let names = TransformationType.allCases.map(\.name)
        guard let type = try? TransformationType(name: text) else {
            let nearest = NearestName.of(text, among: names).map { "did you mean '\($0)'? " } ?? ""
            throw field.issue("no such transform", nearest + "known: \(names.joined(separator: ", "))")
        }
        return type
    }

    private mutating func rollup(_ field: YamlField) throws(RuleFileIssue) -> RollupStep {
        let fields = try known(field, Self.rollupStepKeys)
        guard let nameField = fields["metricName"] else {
            throw field.issue("'metricName' is missing", "name the new metric, such as requests_by_service")
        }
        let groupBy = try labels(fields["groupBy"])
        let excludeBy = try labels(fields["excludeBy"])
        if !groupBy.isEmpty, !excludeBy.isEmpty, let both = fields["excludeBy"] {
            throw both.issue(
                "a rollup has either groupBy or excludeBy", "keep groupBy to name the labels that stay, or excludeBy")
        }
        return RollupStep(
            name: try rollupName(nameField), kind: excludeBy.isEmpty ? .groupBy : .excludeBy,
            labels: excludeBy.isEmpty ? groupBy : excludeBy,
            aggregationID: try aggregations(fields["aggregations"]))
    }

    private func labels(_ field: YamlField?) throws(RuleFileIssue) -> [[UInt8]] {
        var labels: [[UInt8]] = []
        for entry in try list(field) {
            let label = Array(try entry.string().utf8)
            if label.isEmpty { throw entry.issue("a label name is empty", "take it out") }
            if labels.contains(label) { throw entry.issue("the label stands twice", "list it once") }
            labels.append(label)
        }
        return labels
    }

    private func rollupName(_ field: YamlField) throws(RuleFileIssue) -> RollupName {
        let text = try field.string()
        do {
            return try RollupName(text)
        } catch RollupName.Failure.empty {
            throw field.issue("the name is empty", "name the new metric")
        } catch RollupName.Failure.tooLong {
            throw field.issue("the name is too long", "use at most \(RollupName.maxBytes) bytes")
        } catch RollupName.Failure.placeholderRepeated {
            throw field.issue("'\(RollupName.placeholder)' stands more than once", "use it once")
        } catch {
            throw field.issue(
                "braces that are not exactly '\(RollupName.placeholder)'", "write it with one space on each side")
        }
    }

    /// A bare Sum adds every scrape of a window, which is seldom what the writer of a gauge rule wants.
    private mutating func warnOfBareSum(_ steps: [RuleStep], _ entry: YamlField) {
        guard case .rollup(let rollup) = steps[0], rollup.aggregationID.contains(.sum) else { return }
        note(
            entry, "a rollup with Sum as the first step adds every sample of a window, not one per series",
            "put {aggregate: {type: Last}} before it for gauges, {transform: {type: Increase}} for counters")
    }
}
