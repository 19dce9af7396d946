import Yams

/// Turns the text of one file into nodes that know their places.
struct ConfigParser {
    /// The most bytes of a file.
    static let maxFileBytes = 1 << 20
    /// The most nodes of a file, those that aliases stand for counted each time.
    static let maxNodes = 100_000
    /// How deep mappings and lists may lie in one another.
    static let maxDepth = 60

    let file: String
    private(set) var diagnostics: [Diagnostic] = []
    private var expansion: EnvironmentExpansion
    private let expanded: TextPlaces
    private let source: TextPlaces
    private var nodes = 0
    private var gaveUp = false

    init(file: String, bytes: [UInt8], environment: [String: String]) {
        self.file = file
        expansion = EnvironmentExpansion(bytes, environment: environment)
        expanded = TextPlaces(expansion.bytes)
        source = TextPlaces(bytes)
    }

    /// The document of the file; nil when there is an error or the file is empty.
    mutating func parse() -> ConfigNode? {
        for failure in expansion.failures {
            let place = source.place(offset: failure.sourceOffset)
            diagnostics.append(
                Diagnostic(
                    severity: .error, file: file, line: place.line, column: place.column, field: "",
                    value: "${\(failure.variable)}", problem: "the environment variable is not set and has no default",
                    remedy:
                        "set it, or write ${\(failure.variable):default}, or ${\(failure.variable):\"\"} for nothing"))
        }
        if expansion.isTooLong {
            fail(nil, "it is longer than \(EnvironmentExpansion.maxBytes) bytes with its variables", "shorten it")
            return nil
        }
        guard let text = String(validating: expansion.bytes, as: UTF8.self) else {
            fail(nil, "it is no text in UTF-8", "save the file as UTF-8")
            return nil
        }
        if let line = Self.lineOfTooMuchNesting(expansion.bytes) {
            let place = source.place(offset: expansion.sourceOffset(expanded.offset(line: line, column: 1)))
            diagnostics.append(
                Diagnostic(
                    severity: .error, file: file, line: place.line, column: 1, field: "", value: nil,
                    problem: "mappings and lists lie too deep in one another",
                    remedy: "use at most \(Self.maxDepth) levels"))
            return nil
        }
        do {
            let parser = try Yams.Parser(yaml: text)
            guard let root = try parser.nextRoot() else { return nil }
            if let other = try parser.nextRoot() {
                fail(other.mark, "a second document stands in one file", "split the file and name both with -f")
            }
            return convert(root, depth: 0)
        } catch {
            diagnostics.append(syntaxError(error))
            return nil
        }
    }

    private mutating func convert(_ node: Node, depth: Int) -> ConfigNode? {
        nodes += 1
        guard nodes <= Self.maxNodes, depth <= Self.maxDepth else {
            if !gaveUp {
                let problem =
                    depth > Self.maxDepth
                    ? "mappings and lists lie too deep in one another" : "there are more than \(Self.maxNodes) values"
                fail(node.mark, problem, "shorten it")
                gaveUp = true
            }
            return nil
        }
        switch node {
        case .scalar(let scalar):
            let origin = origin(scalar.mark, text: scalar.string)
            let isPlain = scalar.style == .plain || scalar.style == .any
            let isNull = isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return ConfigNode(isNull ? .null : .scalar(scalar.string), origin: origin)
        case .sequence(let sequence):
            return ConfigNode(
                .sequence(sequence.compactMap { convert($0, depth: depth + 1) }), origin: origin(sequence.mark))
        case .mapping(let mapping):
            return ConfigNode(.mapping(entries(mapping, depth: depth)), origin: origin(mapping.mark))
        case .alias(let alias):
            fail(alias.mark, "an alias has no anchor", "define it with & before it is used")
            return nil
        }
    }

    private mutating func entries(_ mapping: Node.Mapping, depth: Int) -> [ConfigNode.Entry] {
        var entries: [ConfigNode.Entry] = []
        var inherited: [ConfigNode.Entry] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                fail(key.mark, "a field name must be a plain word", "write 'name: value'")
                continue
            }
            if gaveUp { break }
            guard let node = convert(value, depth: depth + 1) else { continue }
            if scalar.string == "<<", scalar.style == .plain || scalar.style == .any {
                inherited += parents(node)
            } else {
                entries.append(.init(key: scalar.string, keyOrigin: origin(scalar.mark), node: node))
            }
        }
        for entry in inherited where !entries.contains(where: { $0.key == entry.key }) { entries.append(entry) }
        return entries
    }

    /// The entries of a mapping, or of a list of mappings, that `<<` joins.
    private mutating func parents(_ node: ConfigNode) -> [ConfigNode.Entry] {
        switch node.content {
        case .mapping(let entries): return entries
        case .sequence(let nodes): return nodes.flatMap { parents($0) }
        case .null, .scalar:
            diagnostics.append(
                Reader.diagnostic(
                    .error, node.origin, field: "<<", value: nil, "'<<' joins a mapping",
                    "write the alias of a mapping behind it"))
            return []
        }
    }

    private func origin(_ mark: Mark?, text: String? = nil) -> ValueOrigin {
        guard let mark else { return .file(file, line: 0, column: 0) }
        let start = expanded.offset(line: mark.line, column: mark.column)
        let place = source.place(offset: expansion.sourceOffset(start))
        if let text, let variable = expansion.variable(in: start..<(start + max(text.utf8.count, 1))) {
            return .environment(variable: variable, file: file, line: place.line, column: place.column)
        }
        return .file(file, line: place.line, column: place.column)
    }

    private mutating func fail(_ mark: Mark?, _ problem: String, _ remedy: String) {
        let origin = mark.map { self.origin($0) } ?? .file(file, line: 0, column: 0)
        diagnostics.append(Reader.diagnostic(.error, origin, field: "", value: nil, problem, remedy))
    }

    private func syntaxError(_ error: any Error) -> Diagnostic {
        var mark: Mark?
        var problem = "it is no YAML: \(error)"
        var remedy = "check indentation, quotes and colons there"
        switch error as? YamlError {
        case .scanner(_, let text, let place, _), .parser(_, let text, let place, _),
            .composer(_, let text, let place, _):
            mark = place
            problem = "it is no YAML: \(text)"
        case .reader(let text, _, _, _):
            problem = "it is no YAML: \(text)"
            remedy = "remove control characters and save the file as UTF-8"
        case .duplicatedKeysInMapping(let duplicates, let context):
            mark = context.mark
            problem = "field \(duplicates.map { "'\($0)'" }.joined(separator: ", ")) stands twice in one mapping"
            remedy = "keep one of them"
        default: break
        }
        let origin = mark.map { self.origin($0) } ?? .file(file, line: 0, column: 0)
        return Reader.diagnostic(.error, origin, field: "", value: nil, problem, remedy)
    }

    /// The YAML parser calls itself for every level, so a text that could lie hundreds deep never gets to it: the line
    /// where too many brackets are open, or whose contents stand too far to the right.
    private static func lineOfTooMuchNesting(_ bytes: [UInt8]) -> Int? {
        var line = 1
        var open = 0
        var indent = 0
        var isIndent = true
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                indent = 0
                isIndent = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                open += 1
                isIndent = false
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                open = max(open - 1, 0)
                isIndent = false
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "\t"),
                UInt8(ascii: "\r"):
                if isIndent { indent += 1 }
            default: isIndent = false
            }
            if open > maxDepth || indent > 4 * maxDepth { return line }
        }
        return nil
    }
}
