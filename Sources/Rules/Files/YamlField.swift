import Yams

/// A node of a rule file with its place and the way to it.
struct YamlField {
    let node: Node
    let file: String
    let path: String
    /// Where the key stands when the node itself has no place.
    let keyMark: Mark?

    /// The most entries of a list or fields of a mapping that are read.
    static let maxEntries = 10_000

    init(node: Node, file: String, path: String, keyMark: Mark? = nil) {
        self.node = node
        self.file = file
        self.path = path
        self.keyMark = keyMark
    }

    func issue(_ problem: String, _ remedy: String, value: String? = nil) -> RuleFileIssue {
        let mark = node.mark ?? keyMark
        return RuleFileIssue(
            file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, field: path,
            value: value ?? node.scalar.map { String($0.string.prefix(200)) }, problem: problem, remedy: remedy)
    }

    /// Whether nothing stands there: `key:` or `key: ~`.
    var isNull: Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// Whether a single value stands there, no list and no mapping.
    var isScalar: Bool { node.scalar != nil }

    /// From 1; 0 when unknown.
    var line: Int { (node.mark ?? keyMark)?.line ?? 0 }

    func entries() throws(RuleFileIssue) -> [YamlField] {
        guard case .sequence(let sequence) = node else {
            throw issue("a list is expected", "write '- ' before each entry")
        }
        guard sequence.count <= Self.maxEntries else {
            throw issue("\(sequence.count) entries are too many", "write at most \(Self.maxEntries)")
        }
        return sequence.enumerated().map {
            YamlField(node: $0.element, file: file, path: "\(path)[\($0.offset)]", keyMark: node.mark ?? keyMark)
        }
    }

    /// The fields of a mapping by key, null ones left out.
    func fields() throws(RuleFileIssue) -> [(key: String, field: YamlField)] {
        guard case .mapping(let mapping) = node else {
            throw issue("a mapping of field names to values is expected", "write 'name: value' lines")
        }
        guard mapping.count <= Self.maxEntries else {
            throw issue("\(mapping.count) fields are too many", "write at most \(Self.maxEntries)")
        }
        var fields: [(key: String, field: YamlField)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                throw YamlField(node: key, file: file, path: path, keyMark: keyMark)
                    .issue("a field name must be a plain word", "write 'name: value'")
            }
            let field = YamlField(
                node: value, file: file, path: path.isEmpty ? name : path + "." + name, keyMark: key.mark ?? keyMark)
            fields.append((name, field))
        }
        return fields
    }

    func string() throws(RuleFileIssue) -> String {
        guard let scalar = node.scalar, !isNull else {
            throw issue("a text is expected", "write one value behind the colon")
        }
        return scalar.string
    }

    func bool() throws(RuleFileIssue) -> Bool {
        switch node.scalar?.string {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: throw issue("true or false is expected", "write true or false")
        }
    }
}
