/// A series' labels in M3's tag serialisation, sorted bytewise by name: one buffer, compared and hashed as bytes.
///
/// Layout as ``EncodedTags``. Names are unique and not empty. Source: `docs/ids-and-tags.md`.
public struct Labels: Sendable, Hashable {
    /// The canonical bytes. Equal labels have equal bytes.
    public let encoded: [UInt8]

    /// The longest encoding that is accepted from outside: room for the longest name and value together.
    public static let maxEncodedBytes = 131_072

    /// No labels at all.
    public static let empty = Labels(canonicalBytes: [0x75, 0x27, 0, 0])

    /// Takes bytes that are known to be canonical, such as those read back from our own storage.
    public init(canonicalBytes: [UInt8]) { encoded = canonicalBytes }

    /// Takes encoded tags in any order. Bytes behind the last declared tag are dropped.
    /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` for truncated bytes, empty or duplicate names, or more than
    ///   ``maxEncodedBytes``.
    public init(encodedTags: [UInt8]) throws(MetricsError) {
        let canonical = try encodedTags.withUnsafeBufferPointer { buffer throws(MetricsError) in
            try LabelsEncoder.scan(UnsafeRawBufferPointer(buffer))
        }
        switch canonical {
        case .sorted(let count) where count == encodedTags.count: encoded = encodedTags
        case .sorted(let count): encoded = Array(encodedTags.prefix(count))
        case .resorted(let bytes): encoded = bytes
        }
    }

    /// Takes encoded tags in any order, copied from a buffer of the caller. Rules and errors as
    /// ``init(encodedTags:)-([UInt8])``.
    public init(encodedTags: UnsafeRawBufferPointer) throws(MetricsError) {
        switch try LabelsEncoder.scan(encodedTags) {
        case .sorted(let count): encoded = Array(encodedTags.prefix(count))
        case .resorted(let bytes): encoded = bytes
        }
    }

    /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` for empty, duplicate or too long names, too long values.
    public init(_ pairs: [(name: String, value: String)]) throws(MetricsError) {
        try self.init(bytePairs: pairs.map { (Array($0.name.utf8), Array($0.value.utf8)) })
    }

    /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` for empty, duplicate or too long names, too long values.
    public init(bytePairs: [(name: [UInt8], value: [UInt8])]) throws(MetricsError) {
        encoded = try LabelsEncoder.encode(bytePairs)
    }

    /// The number of labels.
    public var count: Int { encoded.count < 4 ? 0 : Int(encoded[2]) | Int(encoded[3]) << 8 }

    public var isEmpty: Bool { count == 0 }

    /// Hands out every label in ascending order of names, without copying.
    public func forEach(
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        try encoded.withUnsafeBytes { bytes in
            // Canonical bytes hold no error; bytes that were wrongly declared canonical end the walk.
            guard var tags = try? EncodedTags.Iterator(bytes) else { return }
            while let tag = try? tags.next() {
                try body(
                    UnsafeRawBufferPointer(rebasing: bytes[tag.name]),
                    UnsafeRawBufferPointer(rebasing: bytes[tag.value]))
            }
        }
    }

    /// All labels in ascending order of names. Bytes that are no UTF-8 are shown with replacement characters.
    public var pairs: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        pairs.reserveCapacity(count)
        forEach {
            pairs.append((String(decoding: $0, as: UTF8.self), String(decoding: $1, as: UTF8.self)))
        }
        return pairs
    }

    /// The value of a label, or nil when there is no label of that name.
    public subscript(_ name: String) -> String? {
        var name = name
        let value = name.withUTF8 { range(of: UnsafeRawBufferPointer($0)) }
        return value.map { String(decoding: encoded[$0], as: UTF8.self) }
    }

    /// The value bytes of a label, a view into ``encoded``, or nil when there is no label of that name.
    public func value(of name: StaticString) -> ArraySlice<UInt8>? {
        name.withUTF8Buffer { range(of: UnsafeRawBufferPointer($0)) }.map { encoded[$0] }
    }

    /// The value bytes of a label, a view into ``encoded``, or nil when there is no label of that name.
    public func value(of name: [UInt8]) -> ArraySlice<UInt8>? {
        name.withUnsafeBytes { range(of: $0) }.map { encoded[$0] }
    }

    private func range(of name: UnsafeRawBufferPointer) -> Range<Int>? {
        encoded.withUnsafeBytes { bytes in
            guard var tags = try? EncodedTags.Iterator(bytes) else { return nil }
            while let tag = try? tags.next() {
                let order = LabelsEncoder.compare(UnsafeRawBufferPointer(rebasing: bytes[tag.name]), name)
                if order == 0 { return tag.value }
                if order > 0 { return nil }
            }
            return nil
        }
    }
}

extension Labels: CustomStringConvertible {
    /// As PromQL writes a series: `up{job="api"}`, with backslash, quote and newline escaped in values.
    public var description: String {
        var name = ""
        var parts: [String] = []
        for pair in pairs {
            if pair.name == "__name__" {
                name = pair.value
            } else {
                parts.append("\(pair.name)=\"\(Self.escape(pair.value))\"")
            }
        }
        if parts.isEmpty && !name.isEmpty { return name }
        return name + "{" + parts.joined(separator: ", ") + "}"
    }

    private static func escape(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }
}
