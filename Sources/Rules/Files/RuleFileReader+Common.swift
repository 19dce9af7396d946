import Metrics

/// Fields that mapping and rollup rules share.
extension RuleFileReader {
    /// The most labels, aggregations, policies or tags that one list of a rule may name.
    static let maxListEntries = 256

    /// The fields of a mapping by name; unknown ones are noted as errors, empty ones left out.
    mutating func known(_ place: YamlField, _ names: [String]) throws(RuleFileIssue) -> [String: YamlField] {
        var fields: [String: YamlField] = [:]
        for (key, field) in try place.fields() {
            if !names.contains(key) {
                unknown(field, key, names)
            } else if !field.isNull {
                fields[key] = field
            }
        }
        return fields
    }

    func list(_ field: YamlField?) throws(RuleFileIssue) -> [YamlField] {
        guard let field else { return [] }
        let entries = try field.entries()
        guard entries.count <= Self.maxListEntries else {
            throw field.issue("\(entries.count) entries are too many", "write at most \(Self.maxListEntries)")
        }
        return entries
    }

    func name(_ field: YamlField?, place: YamlField) throws(RuleFileIssue) -> String {
        guard let field else { return place.path }
        let name = try field.string()
        guard name.utf8.count <= RollupName.maxBytes else {
            throw field.issue("the name is too long", "use at most \(RollupName.maxBytes) bytes")
        }
        return name
    }

    func filter(_ field: YamlField?, place: YamlField) throws(RuleFileIssue) -> TagsFilter {
        guard let field else {
            throw place.issue(
                "'filter' is missing", "write filter: \"__name__:some_metric\", or \"__name__:*\" for all")
        }
        do {
            return try TagsFilter(try field.string())
        } catch let error as FilterError {
            throw field.issue(error.description, "see the filter language in docs/rules.md")
        } catch let issue as RuleFileIssue {
            throw issue
        } catch {
            throw field.issue("\(error)", "see the filter language in docs/rules.md")
        }
    }

    func aggregations(_ field: YamlField?) throws(RuleFileIssue) -> AggregationID {
        var types: [AggregationType] = []
        for entry in try list(field) {
            let type = try aggregation(entry)
            if types.contains(type) { throw entry.issue("'\(type.name)' stands twice", "list it once") }
            types.append(type)
        }
        return AggregationID(types)
    }

    func aggregation(_ field: YamlField) throws(RuleFileIssue) -> AggregationType {
        let text = try field.string()
        let names = AggregationType.allCases.map(\.name)
        guard let type = try? AggregationType(name: text) else {
            let nearest = NearestName.of(text, among: names).map { "did you mean '\($0)'? " } ?? ""
            throw field.issue("no such aggregation", nearest + "known: \(names.joined(separator: ", "))")
        }
        return type
    }

    func suffix(_ field: YamlField?) throws(RuleFileIssue) -> OutputSuffix {
        guard let field else { return .aggregation }
        guard let suffix = OutputSuffix(rawValue: try field.string()) else {
            throw field.issue("no such suffix mode", "write 'aggregation' (the default) or 'none'")
        }
        return suffix
    }

    /// How quantiles are worked out, nil for the aggregator's own way.
    func quantiles(_ field: YamlField?) throws(RuleFileIssue) -> QuantileMethod? {
        guard let field else { return nil }
        guard let method = QuantileMethod(name: try field.string()) else {
            throw field.issue(
                "no such way to work out quantiles",
                "write one of \(QuantileMethod.allCases.map(\.name).joined(separator: ", ")), or leave it out")
        }
        return method
    }

    mutating func tags(_ field: YamlField?) throws(RuleFileIssue) -> [RuleTag] {
        var tags: [RuleTag] = []
        for entry in try list(field) {
            let fields = try known(entry, ["name", "value"])
            guard let name = fields["name"] else {
                throw entry.issue("the tag has no name", "write {name: some_label, value: some_value}")
            }
            let text = try name.string()
            let value = try fields["value"]?.string() ?? ""
            guard !text.isEmpty, text.utf8.count <= EncodedTags.maxLiteralBytes,
                value.utf8.count <= EncodedTags.maxLiteralBytes
            else {
                throw name.issue(
                    "the tag is empty or too long", "use 1 to \(EncodedTags.maxLiteralBytes) bytes for the name")
            }
            tags.append(RuleTag(text, value))
        }
        return tags
    }

    mutating func storagePolicies(_ field: YamlField?) throws(RuleFileIssue) -> [StoragePolicy] {
        var policies: [StoragePolicy] = []
        for entry in try list(field) {
            let policy = try storagePolicy(entry)
            if policies.contains(where: { $0.isEquivalent(to: policy) }) {
                throw entry.issue("storage policy \(policy) stands twice", "list it once", value: "\(policy)")
            }
            policies.append(policy)
        }
        return policies
    }

    private mutating func storagePolicy(_ entry: YamlField) throws(RuleFileIssue) -> StoragePolicy {
        if entry.isScalar { return try storagePolicy(try entry.string(), entry) }
        let fields = try known(entry, ["resolution", "retention"])
        guard let resolution = fields["resolution"], let retention = fields["retention"] else {
            throw entry.issue(
                "a storage policy needs a resolution and a retention",
                "write {resolution: 10s, retention: 48h}, or 10s:48h")
        }
        for field in [resolution, retention] where try field.string().contains(":") {
            throw field.issue("a duration has no colon", "write a duration such as 10s or 48h")
        }
        return try storagePolicy("\(try resolution.string()):\(try retention.string())", entry)
    }

    private func storagePolicy(_ text: String, _ entry: YamlField) throws(RuleFileIssue) -> StoragePolicy {
        let policy: StoragePolicy
        do {
            policy = try StoragePolicy(parsing: text)
        } catch {
            throw entry.issue("\(error)", "", value: text)
        }
        guard policy.resolutionNanos > 0 else {
            throw entry.issue("the resolution must be more than 0", "write a duration such as 10s", value: text)
        }
        guard policy.retentionNanos >= policy.resolutionNanos else {
            throw entry.issue(
                "the retention is shorter than one window", "make it at least the resolution", value: text)
        }
        return policy
    }
}
