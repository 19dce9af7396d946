import Metrics

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The rules of some YAML files, read and checked together: either all of them are good or none is in force.
///
/// Source: `docs/rules.md`, Files.
public struct RuleFiles: Sendable {
    /// The largest file that is read, in bytes.
    public static let maxFileBytes = 4 << 20
    /// The most files of a directory.
    public static let maxFiles = 1000
    /// The most rules of each kind in all files together.
    public static let maxRules = 10_000

    public var mappingRules: [MappingRule]
    public var rollupRules: [RollupRule]
    /// What is allowed but probably not meant.
    public var warnings: [RuleFileIssue]

    /// - Parameter texts: file names, for messages, with their contents; rules apply in this order.
    /// - Throws: ``RuleFileErrors`` with everything that is wrong in all files.
    public init(_ texts: [(file: String, yaml: String)]) throws(RuleFileErrors) {
        var mappings: [RuleFileReader.Located<MappingRule>] = []
        var rollups: [RuleFileReader.Located<RollupRule>] = []
        var errors: [RuleFileIssue] = []
        warnings = []
        for (file, yaml) in texts {
            var reader = RuleFileReader(file: file)
            if yaml.utf8.count > Self.maxFileBytes {
                errors.append(Self.fileIssue(file, "\(yaml.utf8.count) bytes are too many", "split it"))
                continue
            }
            reader.read(yaml)
            mappings += reader.mappingRules
            rollups += reader.rollupRules
            errors += reader.errors
            warnings += reader.warnings
        }
        errors += Self.duplicates(mappings.map { ($0.rule.name, $0.place) })
        errors += Self.duplicates(rollups.map { ($0.rule.name, $0.place) })
        for count in [mappings.count, rollups.count] where count > Self.maxRules {
            errors.append(Self.fileIssue("", "\(count) rules are too many", "write at most \(Self.maxRules)"))
        }
        if !errors.isEmpty { throw RuleFileErrors(errors) }
        mappingRules = mappings.map(\.rule)
        rollupRules = rollups.map(\.rule)
    }

    /// Reads every `.yaml` and `.yml` file of a directory, in the order of their names; directories in it are not entered.
    /// - Throws: ``RuleFileErrors``, also when the directory or a file cannot be read.
    public init(directory: String) throws(RuleFileErrors) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
                .filter { ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) && !$0.hasPrefix(".") }.sorted()
        } catch {
            throw RuleFileErrors([
                Self.fileIssue(
                    directory, "the rules directory cannot be read", "check that it exists and may be read")
            ])
        }
        guard names.count <= Self.maxFiles else {
            throw RuleFileErrors([
                Self.fileIssue(directory, "\(names.count) files are too many", "keep at most \(Self.maxFiles)")
            ])
        }
        try self.init(files: names.map { directory.hasSuffix("/") ? directory + $0 : directory + "/" + $0 })
    }

    /// - Throws: ``RuleFileErrors``, also when a file cannot be read.
    public init(files: [String]) throws(RuleFileErrors) {
        var texts: [(file: String, yaml: String)] = []
        var errors: [RuleFileIssue] = []
        for file in files {
            do {
                let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? UInt64 ?? 0
                guard size <= UInt64(Self.maxFileBytes) else {
                    errors.append(Self.fileIssue(file, "\(size) bytes are too many", "split it"))
                    continue
                }
                let data = try Data(contentsOf: URL(fileURLWithPath: file))
                guard let text = String(validating: data, as: UTF8.self) else {
                    errors.append(Self.fileIssue(file, "it is no text in UTF-8", "save the file as UTF-8"))
                    continue
                }
                texts.append((file, text))
            } catch {
                errors.append(Self.fileIssue(file, "the file cannot be read", "check that it exists and may be read"))
            }
        }
        if !errors.isEmpty { throw RuleFileErrors(errors) }
        try self.init(texts)
    }

    /// - Parameters:
    ///   - version: must differ from those of rule sets in force before.
    ///   - cutoverNanos: see ``RuleSet/cutoverNanos``.
    public func ruleSet(version: UInt64, cutoverNanos: Int64 = 0) -> RuleSet {
        RuleSet(
            version: version, cutoverNanos: cutoverNanos, mappingRules: mappingRules, rollupRules: rollupRules)
    }

    private static func fileIssue(_ file: String, _ problem: String, _ remedy: String) -> RuleFileIssue {
        RuleFileIssue(file: file, line: 0, column: 0, field: "", value: nil, problem: problem, remedy: remedy)
    }

    private static func duplicates(_ rules: [(name: String, place: YamlField)]) -> [RuleFileIssue] {
        var first: [String: YamlField] = [:]
        var issues: [RuleFileIssue] = []
        for (name, place) in rules where name != place.path {
            if let other = first[name] {
                issues.append(
                    place.issue(
                        "the rule name stands twice, first at \(other.file):\(other.line)",
                        "give one of them another name", value: name))
            } else {
                first[name] = place
            }
        }
        return issues
    }
}
