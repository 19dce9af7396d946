#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A piece of a pattern without `*`: elements that are eaten from one end of the value, without backtracking.
struct PatternChain: Sendable, Equatable {
    enum Element: Sendable, Equatable {
        case literal([UInt8])
        /// Exactly one byte, whichever.
        case anyByte
        case byteSet(ByteSet)
        /// Not empty, the longest first: the first that fits is the longest that fits.
        case alternatives([[UInt8]])
    }

    var elements: [Element]

    /// Eats the elements from the start of the value on.
    /// - Returns: where the rest begins, or nil when an element does not fit.
    func matchForwards(_ value: UnsafeRawBufferPointer) -> Int? {
        var start = 0
        for element in elements {
            switch element {
            case .literal(let bytes):
                guard Self.stands(bytes, at: start, in: value) else { return nil }
                start &+= bytes.count
            case .anyByte:
                guard start < value.count else { return nil }
                start &+= 1
            case .byteSet(let set):
                guard start < value.count, set.contains(value[start]) else { return nil }
                start &+= 1
            case .alternatives(let alternatives):
                guard let taken = alternatives.first(where: { Self.stands($0, at: start, in: value) }) else {
                    return nil
                }
                start &+= taken.count
            }
        }
        return start
    }

    /// Eats the elements, last one first, from the end of the value.
    func matchBackwards(_ value: UnsafeRawBufferPointer) -> Bool {
        var end = value.count
        for element in elements.reversed() {
            switch element {
            case .literal(let bytes):
                guard Self.stands(bytes, at: end &- bytes.count, in: value) else { return false }
                end &-= bytes.count
            case .anyByte:
                guard end > 0 else { return false }
                end &-= 1
            case .byteSet(let set):
                guard end > 0, set.contains(value[end &- 1]) else { return false }
                end &-= 1
            case .alternatives(let alternatives):
                let limit = end
                guard
                    let taken = alternatives.first(where: {
                        Self.stands($0, at: limit &- $0.count, in: value)
                    })
                else { return false }
                end &-= taken.count
            }
        }
        return true
    }

    @inline(__always) static func stands(_ bytes: [UInt8], at offset: Int, in value: UnsafeRawBufferPointer) -> Bool {
        guard offset >= 0, value.count &- offset >= bytes.count else { return false }
        guard !bytes.isEmpty, let base = value.baseAddress else { return true }
        return bytes.withUnsafeBytes { memcmp($0.baseAddress ?? base, base + offset, bytes.count) == 0 }
    }
}
