import Metrics

extension RuleFileReader {
    private static let mappingKeys = ["name", "filter", "aggregations", "storagePolicies", "drop", "tags", "suffix"]

    mutating func readMappingRule(_ place: YamlField) {
        let rule = attempt { (reader: inout RuleFileReader) throws(RuleFileIssue) -> MappingRule in
            let fields = try reader.known(place, Self.mappingKeys)
            let rule = MappingRule(
                name: try reader.name(fields["name"], place: place),
                filter: try reader.filter(fields["filter"], place: place),
                aggregationID: try reader.aggregations(fields["aggregations"]),
                storagePolicies: try reader.storagePolicies(fields["storagePolicies"]),
                dropPolicy: try fields["drop"]?.bool() == true ? .ifOnlyMatch : .none,
                tags: try reader.tags(fields["tags"]), suffix: try reader.suffix(fields["suffix"]))
            try Self.check(rule, fields, place)
            return rule
        }
        if let rule { mappingRules.append(Located(rule: rule, place: place)) }
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
