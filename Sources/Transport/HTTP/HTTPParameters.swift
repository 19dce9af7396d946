/// Query and form parameters in the order they were given; a name may occur more than once.
public struct HTTPParameters: Sendable {
    /// More parameters than this in one request are refused.
    public static let maxCount = 4096

    public struct TooMany: Error, Equatable, CustomStringConvertible {
        public var description: String { "more than \(HTTPParameters.maxCount) parameters in one request" }
    }

    public private(set) var items: [(name: String, value: String)] = []

    public init(_ items: [(name: String, value: String)] = []) { self.items = items }

    /// The value of the first parameter of that name.
    public func first(_ name: String) -> String? { items.first { $0.name == name }?.value }

    /// The values of all parameters of that name, in order.
    public func all(_ name: String) -> [String] {
        items.compactMap { $0.name == name ? $0.value : nil }
    }

    /// Adds what `application/x-www-form-urlencoded` bytes hold: pairs between `&`, `+` for a space, percent escapes.
    /// A malformed escape stands for itself.
    /// - Throws: ``TooMany`` when there would be more than ``maxCount``.
    public mutating func append(formEncoded bytes: some Collection<UInt8>) throws(TooMany) {
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            guard items.count < Self.maxCount else { throw TooMany() }
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            let name = pair[..<(equals ?? pair.endIndex)]
            let value = equals.map { pair[pair.index(after: $0)...] } ?? pair[pair.endIndex...]
            items.append((Self.decode(name, plusIsSpace: true), Self.decode(value, plusIsSpace: true)))
        }
    }

    /// Resolves percent escapes. Bytes that are no UTF-8 become replacement characters.
    public static func decode(_ bytes: some Collection<UInt8>, plusIsSpace: Bool) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+"), plusIsSpace {
                out.append(UInt8(ascii: " "))
                continue
            }
            guard byte == UInt8(ascii: "%") else {
                out.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap(hexDigit)
            if digits.count == 2 {
                out.append(digits[0] << 4 | digits[1])
                rest = rest.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Escapes everything but letters, digits and `-._~` (RFC 3986 §2.3).
    public static func encode(_ text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.append(byte)
            default:
                let digits = Array("0123456789ABCDEF".utf8)
                out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
