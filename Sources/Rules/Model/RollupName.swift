/// The metric name of a rollup output: plain text, or text around one `{{ .MetricName }}`.
public struct RollupName: Sendable, Hashable {
    public static let placeholder = "{{ .MetricName }}"

    public enum Failure: Error, Equatable, Sendable {
        case empty
        case placeholderRepeated
        /// Braces that are not exactly the placeholder.
        case unknownTemplate
        case tooLong
    }

    /// The longest text of a rule, in bytes.
    public static let maxBytes = 1024

    let prefix: [UInt8]
    let suffix: [UInt8]
    let takesName: Bool

    public init(_ text: String) throws(Failure) {
        if text.isEmpty { throw .empty }
        if text.utf8.count > Self.maxBytes { throw .tooLong }
        let parts = Self.cut(text)
        if parts.count > 2 { throw .placeholderRepeated }
        let rest = parts.joined()
        if Self.holds(rest, "{{") || Self.holds(rest, "}}") { throw .unknownTemplate }
        prefix = Array(parts[0].utf8)
        suffix = parts.count == 2 ? Array(parts[1].utf8) : []
        takesName = parts.count == 2
    }

    private init(prefix: [UInt8], suffix: [UInt8], takesName: Bool) {
        self.prefix = prefix
        self.suffix = suffix
        self.takesName = takesName
    }

    /// The same name with some text behind it.
    func appending(_ text: String) -> RollupName {
        takesName
            ? RollupName(prefix: prefix, suffix: suffix + Array(text.utf8), takesName: true)
            : RollupName(prefix: prefix + Array(text.utf8), suffix: [], takesName: false)
    }

    /// The name of the output for a metric of some name.
    func name(for metricName: UnsafeRawBufferPointer?) -> [UInt8] {
        guard takesName else { return prefix }
        return prefix + (metricName.map { Array($0) } ?? []) + suffix
    }

    private static func cut(_ text: String) -> [String] {
        var parts: [String] = []
        var rest = Array(text.utf8)[...]
        let mark = Array(placeholder.utf8)
        while let at = index(of: mark, in: rest) {
            parts.append(String(decoding: rest[rest.startIndex..<at], as: UTF8.self))
            rest = rest[(at + mark.count)...]
        }
        return parts + [String(decoding: rest, as: UTF8.self)]
    }

    private static func holds(_ text: String, _ part: String) -> Bool {
        index(of: Array(part.utf8), in: Array(text.utf8)[...]) != nil
    }

    private static func index(of part: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.first { bytes[$0...].starts(with: part) }
    }
}
