/// Something wrong or doubtful at a place of a rule file.
public struct RuleFileIssue: Error, Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// From 1; 0 when the file as a whole is meant.
    public var line: Int
    /// From 1, in Unicode scalars; 0 when the file as a whole is meant.
    public var column: Int
    /// The way to the field, such as `rollupRules[0].transforms[1].rollup.groupBy`; empty for the file itself.
    public var field: String
    /// What stands there, when it is a single value.
    public var value: String?
    public var problem: String
    /// What to do about it.
    public var remedy: String

    /// `FILE:LINE:COLUMN: FIELD 'VALUE': PROBLEM; REMEDY`, as editors and CI systems read it.
    public var description: String {
        var text = file
        if line > 0 { text += ":\(line):\(column)" }
        text += ": "
        if !field.isEmpty { text += field + (value.map { " '\($0)'" } ?? "") + ": " }
        return text + problem + (remedy.isEmpty ? "" : "; " + remedy)
    }
}

/// All that is wrong with the rule files that were read together. No rule of any of them is in force.
public struct RuleFileErrors: Error, Sendable, Equatable, CustomStringConvertible {
    public var issues: [RuleFileIssue]

    public init(_ issues: [RuleFileIssue]) { self.issues = issues }

    /// One issue a line.
    public var description: String { issues.map(\.description).joined(separator: "\n") }
}
