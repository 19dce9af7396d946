import Metrics

extension RuleFileReader {
    private static let mappingKeys = [
        "name", "filter", "aggregations", "storagePolicies", "drop", "tags", "suffix", "quantiles",
    ]

    mutating func readMappingRule(_ place: YamlField) {
        guard let fields = attempt({ (reader) throws(RuleFileIssue) in try reader.known(place, Self.mappingKeys) })
        else {
            return
        }
        let name = attempt { (reader) throws(RuleFileIssue) in try reader.name(fields["name"], place: place) }
        let filter = attempt { (reader) throws(RuleFileIssue) in try reader.filter(fields["filter"], place: place) }
        let id = attempt { (reader) throws(RuleFileIssue) in try reader.aggregations(fields["aggregations"]) }
        let policies = attempt { (reader) throws(RuleFileIssue) in try reader.storagePolicies(fields["storagePolicies"])
        }
        let drops = attempt { (reader) throws(RuleFileIssue) in try fields["drop"]?.bool() == true }
        let tags = attempt { (reader) throws(RuleFileIssue) in try reader.tags(fields["tags"]) }
        let suffix = attempt { (reader) throws(RuleFileIssue) in try reader.suffix(fields["suffix"]) }
        let quantiles = attempt { (reader) throws(RuleFileIssue) in try reader.quantiles(fields["quantiles"]) }
        guard let name, let filter, let id, let policies, let drops, let tags, let suffix, let quantiles else { return }
        let rule = MappingRule(
            name: name, filter: filter, aggregationID: id, storagePolicies: policies,
            dropPolicy: drops ? .ifOnlyMatch : .none, tags: tags, suffix: suffix,
            quantileMethod: quantiles)
        if attempt({ (_) throws(RuleFileIssue) in try Self.check(rule, fields, place) }) != nil {
            mappingRules.append(Located(rule: rule, place: place))
        }
    }

    private static func check(
        _ rule: MappingRule, _ fields: [String: YamlField], _ place: YamlField
    ) throws(RuleFileIssue) {
        if rule.dropPolicy == .none && rule.storagePolicies.isEmpty {
            throw place.issue(
                "the rule neither keeps nor drops anything", "add 'storagePolicies', such as [10s:48h], or 'drop: true'"
            )
        }
        if rule.dropPolicy != .none, let field = fields["storagePolicies"] ?? fields["aggregations"] {
            throw field.issue("a rule that drops cannot also keep", "take it out, or take 'drop: true' out")
        }
        if rule.suffix == .none, let mixture = PipelineCheck.mixture(rule.aggregationID),
            let field = fields["aggregations"]
        {
            throw field.issue(mixture.problem, mixture.remedy)
        }
    }
}
