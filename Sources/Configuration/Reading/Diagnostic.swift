/// A remark on a configuration file.
public struct Diagnostic: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        case error, warning
        /// A key that is accepted and has no effect.
        case ignored
    }

    public var severity: Severity
    /// Empty when no file is to blame.
    public var file: String
    /// From 1; 0 when unknown.
    public var line: Int
    /// From 1, in characters; 0 when unknown.
    public var column: Int
    /// The way to the field, such as `aggregator.flush.handlers[0].dynamicBackend.hashType`.
    public var field: String
    /// What stands there; nil when nothing or no single value does.
    public var value: String?
    public var problem: String
    /// What to do about it.
    public var remedy: String

    public init(
        severity: Severity, file: String, line: Int, column: Int, field: String, value: String?, problem: String,
        remedy: String
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy
    }

    static let unreadableFile = "the file can't be read"

    /// Whether a file could not be read at all.
    public var isUnreadableFile: Bool { severity == .error && problem == Self.unreadableFile }

    public var place: String {
        if file.isEmpty { return "" }
        return line > 0 ? "\(file):\(line):\(column)" : file
    }

    public var description: String {
        var text = place.isEmpty ? "" : place + ": "
        text += severity.rawValue + ": "
        if !field.isEmpty { text += field }
        if let value { text += (field.isEmpty ? "" : " is ") + "'\(value)'" }
        if !field.isEmpty || value != nil { text += ": " }
        text += problem
        return remedy.isEmpty ? text : text + "; " + remedy
    }
}

/// Everything that keeps configuration files from being used, and the remarks beside.
public struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    /// Errors first, each kind in the order of the text.
    public var diagnostics: [Diagnostic]

    public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

    public var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }

    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
