/// Effective values as YAML that M3's keys and ours make up again, with the origin of each as a comment.
///
/// Source: `docs/configuration.md`, Checking.
public enum YAMLDump {
    public static func text(_ values: [EffectiveValue]) -> String {
        let root = DumpTree()
        for value in values { root.insert(value, at: value.path[...]) }
        return root.lines().map { $0 + "\n" }.joined()
    }

    static func scalar(_ literal: EffectiveValue.Literal) -> String {
        switch literal {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .text(let text): quoted(text)
        case .emptyList: "[]"
        }
    }

    static func quoted(_ text: String) -> String {
        let isPlain =
            text.utf8.allSatisfy { isWordByte($0) } && text.utf8.first.map { !"-.%".utf8.contains($0) } ?? false
            && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
        if isPlain { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            // Else it would be read as a variable.
            case "$": result += "$$"
            case _ where scalar.value < 0x20 || (0x7f...0xa0).contains(scalar.value) || scalar.value >= 0x2028:
                let digits = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "_-./%".utf8.contains(byte)
    }
}

/// Values put into the shape of their paths.
private final class DumpTree {
    private var children: [(step: EffectiveValue.Step, tree: DumpTree)] = []
    private var value: EffectiveValue?

    func insert(_ value: EffectiveValue, at path: ArraySlice<EffectiveValue.Step>) {
        guard let step = path.first else {
            self.value = value
            return
        }
        if let child = children.last(where: { $0.step == step }) {
            child.tree.insert(value, at: path.dropFirst())
        } else {
            let tree = DumpTree()
            children.append((step, tree))
            tree.insert(value, at: path.dropFirst())
        }
    }

    func lines() -> [String] {
        children.flatMap { step, tree -> [String] in
            switch step {
            case .key(let key):
                let name = YAMLDump.quoted(key) + ":"
                if let value = tree.value { return [name + " " + Self.leaf(value)] }
                return [name] + tree.lines().map { "  " + $0 }
            case .index:
                if let value = tree.value { return ["- " + Self.leaf(value)] }
                return tree.lines().enumerated().map { ($0.offset == 0 ? "- " : "  ") + $0.element }
            }
        }
    }

    private static func leaf(_ value: EffectiveValue) -> String {
        // A dollar sign would be read as a variable even in a comment.
        YAMLDump.scalar(value.literal) + "  # "
            + value.origin.description.replacing("\n", with: " ").replacing("$", with: "$$")
    }
}

extension ValueOrigin: CustomStringConvertible {
    /// `default`, `FILE:LINE`, or `VARIABLE at FILE:LINE` for an environment variable.
    public var description: String {
        switch self {
        case .standard: "default"
        case .file(let file, let line, _): "\(file):\(line)"
        case .environment(let variable, let file, let line, _): "\(variable) at \(file):\(line)"
        }
    }
}
