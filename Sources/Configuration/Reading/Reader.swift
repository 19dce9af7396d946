/// What a reading of configuration files has found so far.
final class Reader {
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var values: [EffectiveValue] = []

    /// Origins of values by their field, for checks that come after reading.
    func origin(of field: String) -> ValueOrigin? { values.last { $0.field == field }?.origin }

    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// Everything that was found, errors first, each kind in the order of the text.
    func errors() -> ConfigurationErrors {
        let sorted = sortedDiagnostics()
        return ConfigurationErrors(
            sorted.filter { $0.severity == .error } + sorted.filter { $0.severity != .error })
    }

    /// In the order of the text; files in the order of their first remark.
    func sortedDiagnostics() -> [Diagnostic] {
        var files: [String: Int] = [:]
        for item in diagnostics where files[item.file] == nil { files[item.file] = files.count }
        let places = diagnostics.enumerated().map { index, item in
            (file: files[item.file] ?? 0, line: item.line, column: item.column, index: index)
        }
        return places.sorted { ($0.file, $0.line, $0.column, $0.index) < ($1.file, $1.line, $1.column, $1.index) }
            .map { diagnostics[$0.index] }
    }

    /// The values without those that were replaced later.
    func effectiveValues() -> [EffectiveValue] {
        var index: [String: Int] = [:]
        var result: [EffectiveValue] = []
        for value in values {
            if let present = index[value.field] {
                result[present] = value
            } else {
                index[value.field] = result.count
                result.append(value)
            }
        }
        return result
    }

    func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

    func report(_ diagnostics: [Diagnostic]) { self.diagnostics += diagnostics }

    func record(_ path: [EffectiveValue.Step], _ literal: EffectiveValue.Literal, _ origin: ValueOrigin) {
        values.append(EffectiveValue(path: path, literal: literal, origin: origin))
    }

    static func diagnostic(
        _ severity: Diagnostic.Severity, _ origin: ValueOrigin, field: String, value: String?, _ problem: String,
        _ remedy: String
    ) -> Diagnostic {
        var diagnostic = Diagnostic(
            severity: severity, file: "", line: 0, column: 0, field: field, value: value.map { String($0.prefix(200)) },
            problem: problem, remedy: remedy)
        switch origin {
        case .standard: break
        case .file(let file, let line, let column):
            (diagnostic.file, diagnostic.line, diagnostic.column) = (file, line, column)
        case .environment(let variable, let file, let line, let column):
            (diagnostic.file, diagnostic.line, diagnostic.column) = (file, line, column)
            diagnostic.problem += " (from the environment variable \(variable))"
        }
        return diagnostic
    }
}
