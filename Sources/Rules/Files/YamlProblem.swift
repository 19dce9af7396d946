import Yams

/// Turns a YAML parser's error into a place and a sentence.
enum YamlProblem {
    static func issue(for error: any Error, file: String) -> RuleFileIssue {
        var mark: Mark?
        var problem = "it is no YAML: \(error)"
        var remedy = "check indentation, quotes and colons there"
        switch error as? YamlError {
        case .scanner(_, let text, let place, _), .parser(_, let text, let place, _),
            .composer(_, let text, let place, _):
            mark = place
            problem = "it is no YAML: \(text)"
        case .reader(let text, _, _, _):
            problem = "it is no text in UTF-8: \(text)"
            remedy = "save the file as UTF-8"
        case .duplicatedKeysInMapping(let duplicates, let context):
            mark = context.mark
            problem = "field \(duplicates.map { "'\($0)'" }.joined(separator: ", ")) stands twice in one mapping"
            remedy = "keep one of them"
        default: break
        }
        return RuleFileIssue(
            file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, field: "", value: nil, problem: problem,
            remedy: remedy)
    }
}
