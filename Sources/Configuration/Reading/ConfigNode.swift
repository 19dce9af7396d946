/// Where an effective value comes from.
public enum ValueOrigin: Sendable, Equatable {
    /// No file names it.
    case standard
    case file(String, line: Int, column: Int)
    /// An environment variable that a file refers to.
    case environment(variable: String, file: String, line: Int, column: Int)
}

extension ValueOrigin {
    /// `FILE:LINE`.
    var place: String {
        switch self {
        case .standard: "the defaults"
        case .file(let file, let line, _), .environment(_, let file, let line, _): "\(file):\(line)"
        }
    }
}

/// A node of the merged configuration files.
struct ConfigNode: Sendable {
    struct Entry: Sendable {
        var key: String
        var keyOrigin: ValueOrigin
        var node: ConfigNode
    }

    enum Content: Sendable {
        /// `key:`, `key: ~` or `key: null`.
        case null
        /// Quoted or not makes no difference to M3 but for null.
        case scalar(String)
        case sequence([ConfigNode])
        case mapping([Entry])
    }

    var content: Content
    var origin: ValueOrigin
    /// The field as its author wrote it, where that is not the path at which it is read.
    var writtenPath: String?

    init(_ content: Content, origin: ValueOrigin, writtenPath: String? = nil) {
        self.content = content
        self.origin = origin
        self.writtenPath = writtenPath
    }

    var isNull: Bool {
        if case .null = content { true } else { false }
    }

    var kind: String {
        switch content {
        case .null: "nothing"
        case .scalar: "a single value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The entry of a mapping; nil when there is none or it is null.
    subscript(key: String) -> ConfigNode? {
        guard case .mapping(let entries) = content, let node = entries.first(where: { $0.key == key })?.node,
            !node.isNull
        else { return nil }
        return node
    }

    /// Sets what stands at a path, making mappings on the way; a number is a place in a list that is there.
    mutating func set(_ path: ArraySlice<String>, _ node: ConfigNode) {
        guard let key = path.first else {
            self = node
            return
        }
        if case .sequence(var items) = content, let index = Int(key), items.indices.contains(index) {
            items[index].set(path.dropFirst(), node)
            content = .sequence(items)
            return
        }
        var entries: [Entry] = []
        if case .mapping(let present) = content { entries = present }
        if let index = entries.firstIndex(where: { $0.key == key }) {
            entries[index].node.set(path.dropFirst(), node)
        } else {
            var child = ConfigNode(.mapping([]), origin: node.origin)
            child.set(path.dropFirst(), node)
            entries.append(Entry(key: key, keyOrigin: node.origin, node: child))
        }
        content = .mapping(entries)
    }

    /// Writes all fields below as seen at another path, for messages.
    func written(at path: String) -> ConfigNode {
        var copy = self
        copy.writtenPath = path
        switch content {
        case .null, .scalar: break
        case .sequence(let nodes):
            copy.content = .sequence(nodes.enumerated().map { $1.written(at: "\(path)[\($0)]") })
        case .mapping(let entries):
            copy.content = .mapping(
                entries.map {
                    Entry(key: $0.key, keyOrigin: $0.keyOrigin, node: $0.node.written(at: "\(path).\($0.key)"))
                })
        }
        return copy
    }

    /// The same with no file as its origin.
    func asStandard() -> ConfigNode {
        switch content {
        case .null, .scalar: ConfigNode(content, origin: .standard)
        case .sequence(let nodes): ConfigNode(.sequence(nodes.map { $0.asStandard() }), origin: .standard)
        case .mapping(let entries):
            ConfigNode(
                .mapping(entries.map { Entry(key: $0.key, keyOrigin: .standard, node: $0.node.asStandard()) }),
                origin: .standard)
        }
    }

    /// A later file over an earlier one: mappings are joined key by key, everything else is replaced, and null takes
    /// away. Two different kinds of node are an error, as in M3.
    static func merged(
        _ below: ConfigNode, _ above: ConfigNode, path: String,
        _ mismatch: (_ path: String, _ below: ConfigNode, _ above: ConfigNode) -> Void
    ) -> ConfigNode {
        switch (below.content, above.content) {
        case (.null, _), (_, .null), (.scalar, .scalar), (.sequence, .sequence): return above
        case (.mapping(var entries), .mapping(let others)):
            for other in others {
                if let index = entries.firstIndex(where: { $0.key == other.key }) {
                    let inner = path.isEmpty ? other.key : "\(path).\(other.key)"
                    entries[index].node = merged(entries[index].node, other.node, path: inner, mismatch)
                    entries[index].keyOrigin = other.keyOrigin
                } else {
                    entries.append(other)
                }
            }
            return ConfigNode(.mapping(entries), origin: above.origin)
        default:
            mismatch(path, below, above)
            return above
        }
    }
}
