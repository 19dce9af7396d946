#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A compiled pattern for one label value. Bytes are compared as they are; letters differ by case.
///
/// Forms: exact text, `!p` (not p), `*` (any), `a*`, `*a`, `a*c`, `*a*`, `?` (one byte), `[a-z]`, `[abc]`, `[!…]` and
/// `{ab,c}`. Source: `docs/rules.md`, Filters.
public struct ValueFilter: Sendable, Equatable {
    enum Shape: Sendable, Equatable {
        case any
        case equals([UInt8])
        case contains([UInt8])
        /// The chain eats the whole value.
        case whole(PatternChain)
        /// Each side is tested on the whole value, so that the two may overlap; an empty chain always fits.
        case ends(prefix: PatternChain, suffix: PatternChain)
    }

    let shape: Shape
    let isNegated: Bool

    init(shape: Shape, isNegated: Bool) {
        self.shape = shape
        self.isNegated = isNegated
    }

    /// - Throws: ``FilterError/invalidPattern(_:reason:)``
    public init(_ pattern: some Collection<UInt8>) throws(FilterError) {
        self = try PatternParser(Array(pattern)).parse()
    }

    /// - Throws: ``FilterError/invalidPattern(_:reason:)``
    public init(_ pattern: String) throws(FilterError) {
        try self.init(Array(pattern.utf8))
    }

    /// The text that alone matches, when the pattern is such a text.
    var exactValue: [UInt8]? {
        if case .equals(let bytes) = shape, !isNegated { return bytes }
        return nil
    }

    public func matches(_ value: UnsafeRawBufferPointer) -> Bool {
        let fits: Bool
        switch shape {
        case .any: fits = true
        case .equals(let bytes):
            fits = bytes.count == value.count && PatternChain.stands(bytes, at: 0, in: value)
        case .contains(let bytes): fits = Self.contains(bytes, value)
        case .whole(let chain): fits = chain.matchForwards(value) == value.count
        case .ends(let prefix, let suffix):
            fits = prefix.matchForwards(value) != nil && suffix.matchBackwards(value)
        }
        return fits != isNegated
    }

    public func matches(_ value: [UInt8]) -> Bool {
        value.withUnsafeBytes { matches($0) }
    }

    private static func contains(_ bytes: [UInt8], _ value: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first, let base = value.baseAddress else { return bytes.isEmpty }
        var start = 0
        while value.count &- start >= bytes.count {
            guard let found = memchr(base + start, Int32(first), value.count &- start) else { return false }
            start = UnsafeRawPointer(found) - base
            if PatternChain.stands(bytes, at: start, in: value) { return true }
            start &+= 1
        }
        return false
    }
}
