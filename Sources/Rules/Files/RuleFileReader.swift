import Metrics
import Yams

/// Reads the rules of one YAML file, collecting everything that is wrong instead of stopping at the first.
struct RuleFileReader {
    let file: String
    var mappingRules: [Located<MappingRule>] = []
    var rollupRules: [Located<RollupRule>] = []
    var errors: [RuleFileIssue] = []
    var warnings: [RuleFileIssue] = []

    struct Located<Rule> {
        var rule: Rule
        var place: YamlField
    }

    static let ruleKeys = ["mappingRules", "rollupRules"]
    static let topKeys = ruleKeys + ["rules", "downsample"]
    /// Settings of M3's coordinator beside the rules of a `downsample` section.
    static let otherDownsampleKeys = [
        "matcher", "remoteAggregator", "aggregationTypes", "counterElemPool", "timerElemPool", "gaugeElemPool",
        "bufferPastLimits", "entryTTL", "untimedRollups",
    ]

    init(file: String) { self.file = file }

    mutating func read(_ yaml: String) {
        do {
            for document in try Self.documents(yaml, file: file) {
                let top = YamlField(node: document, file: file, path: "")
                if top.isNull { continue }
                try readTop(top)
            }
        } catch {
            errors.append(error)
        }
    }

    private static func documents(_ yaml: String, file: String) throws(RuleFileIssue) -> [Node] {
        do {
            return try Yams.Parser(yaml: yaml).allRoots()
        } catch {
            throw YamlProblem.issue(for: error, file: file)
        }
    }

    private mutating func readTop(_ top: YamlField) throws(RuleFileIssue) {
        let fields = try top.fields()
        let isCoordinatorFile = fields.contains { $0.key == "downsample" }
        for (key, field) in fields {
            switch key {
            case "rules":
                attempt { (reader: inout RuleFileReader) throws(RuleFileIssue) in try reader.readRules(field) }
            case "downsample":
                attempt { (reader: inout RuleFileReader) throws(RuleFileIssue) in try reader.readDownsample(field) }
            default:
                if Self.ruleKeys.contains(key) {
                    readList(key, field)
                } else if isCoordinatorFile {
                    note(field, "is a setting, no rule", "it has no effect in a rule file")
                } else {
                    unknown(field, key, Self.topKeys)
                }
            }
        }
    }

    private mutating func readDownsample(_ section: YamlField) throws(RuleFileIssue) {
        if section.isNull { return }
        for (key, field) in try section.fields() {
            if key == "rules" {
                try readRules(field)
            } else if Self.otherDownsampleKeys.contains(key) {
                note(field, "is a setting, no rule", "it has no effect in a rule file")
            } else {
                unknown(field, key, ["rules"] + Self.otherDownsampleKeys)
            }
        }
    }

    private mutating func readRules(_ section: YamlField) throws(RuleFileIssue) {
        if section.isNull { return }
        for (key, field) in try section.fields() {
            if Self.ruleKeys.contains(key) { readList(key, field) } else { unknown(field, key, Self.ruleKeys) }
        }
    }

    private mutating func readList(_ key: String, _ list: YamlField) {
        if list.isNull { return }
        attempt { (reader: inout RuleFileReader) throws(RuleFileIssue) in
            for entry in try list.entries() {
                if key == "mappingRules" { reader.readMappingRule(entry) } else { reader.readRollupRule(entry) }
            }
        }
    }

    /// Runs a part; an error in it is noted and does not keep the rest from being read.
    mutating func attempt<Result>(
        _ body: (inout RuleFileReader) throws(RuleFileIssue) -> Result
    ) -> Result? {
        do {
            return try body(&self)
        } catch {
            errors.append(error)
            return nil
        }
    }

    mutating func note(_ field: YamlField, _ problem: String, _ remedy: String) {
        warnings.append(field.issue(problem, remedy))
    }

    mutating func unknown(_ field: YamlField, _ key: String, _ known: [String]) {
        var issue = field.issue(
            "unknown field", "known here: \(known.joined(separator: ", "))", value: nil)
        issue.line = field.keyMark?.line ?? issue.line
        issue.column = field.keyMark?.column ?? issue.column
        issue.value = nil
        if let nearest = NearestName.of(key, among: known) {
            issue.remedy = "did you mean '\(nearest)'? " + issue.remedy
        }
        errors.append(issue)
    }
}

extension Yams.Parser {
    /// The documents of a file.
    fileprivate func allRoots() throws -> [Node] {
        var roots: [Node] = []
        while let root = try nextRoot() {
            guard roots.count < YamlField.maxEntries else { return roots }
            roots.append(root)
        }
        return roots
    }
}
