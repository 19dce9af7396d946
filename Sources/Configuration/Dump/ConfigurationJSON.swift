/// Effective values and remarks as JSON.
public enum ConfigurationJSON {
    /// `{"values":[{"field":…,"value":…,"origin":…,"file":…,"line":…,"column":…,"variable":…}]}`.
    public static func values(_ values: [EffectiveValue]) -> String {
        let items = values.map { value in
            var members = [("field", string(value.field)), ("value", literal(value.literal))]
            switch value.origin {
            case .standard: members.append(("origin", string("default")))
            case .file(let file, let line, let column):
                members.append(("origin", string("file")))
                members += place(file, line, column)
            case .environment(let variable, let file, let line, let column):
                members += [("origin", string("environment")), ("variable", string(variable))]
                members += place(file, line, column)
            }
            return object(members)
        }
        return object([("values", "[" + items.joined(separator: ",") + "]")])
    }

    /// `{"ok":…,"errors":…,"warnings":…,"ignored":…,"diagnostics":[…]}`.
    public static func diagnostics(_ diagnostics: [Diagnostic]) -> String {
        let count = { (severity: Diagnostic.Severity) in "\(diagnostics.count { $0.severity == severity })" }
        let items = diagnostics.map { item in
            object(
                [("severity", string(item.severity.rawValue))] + place(item.file, item.line, item.column) + [
                    ("field", string(item.field)), ("value", item.value.map(string) ?? "null"),
                    ("problem", string(item.problem)), ("remedy", string(item.remedy)),
                ])
        }
        return object([
            ("ok", count(.error) == "0" ? "true" : "false"), ("errors", count(.error)), ("warnings", count(.warning)),
            ("ignored", count(.ignored)), ("diagnostics", "[" + items.joined(separator: ",") + "]"),
        ])
    }

    private static func place(_ file: String, _ line: Int, _ column: Int) -> [(String, String)] {
        [("file", string(file)), ("line", "\(line)"), ("column", "\(column)")]
    }

    private static func object(_ members: [(name: String, value: String)]) -> String {
        "{" + members.map { string($0.name) + ":" + $0.value }.joined(separator: ",") + "}"
    }

    private static func literal(_ literal: EffectiveValue.Literal) -> String {
        switch literal {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .text(let text): string(text)
        case .emptyList: "[]"
        }
    }

    private static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
