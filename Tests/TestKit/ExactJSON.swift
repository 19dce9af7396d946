import Foundation

/// JSON whose numbers keep every bit.
///
/// Foundation's reader on Linux takes numbers through a decimal and is off by a unit in the last place for some
/// doubles of 16 and 17 digits; here they are read by the standard library, which rounds correctly. The results are
/// those of `JSONSerialization`: dictionaries, arrays, String, NSNumber, NSNull.
enum ExactJSON {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func object(_ data: some Collection<UInt8>) throws -> Any {
        var reader = Reader(bytes: Array(data))
        let value = try reader.value()
        reader.skipSpace()
        guard reader.next == reader.bytes.count else { throw reader.failure("there is more behind the value") }
        return value
    }

    private struct Reader {
        let bytes: [UInt8]
        var next = 0

        func failure(_ reason: String) -> Failure { Failure(description: "JSON at byte \(next): \(reason)") }

        mutating func skipSpace() {
            while next < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[next]) { next += 1 }
        }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard next < bytes.count, bytes[next] == UInt8(ascii: character) else { return false }
            next += 1
            return true
        }

        mutating func value() throws -> Any {
            skipSpace()
            guard next < bytes.count else { throw failure("a value is missing") }
            switch bytes[next] {
            case UInt8(ascii: "{"): return try dictionary()
            case UInt8(ascii: "["): return try array()
            case UInt8(ascii: "\""): return try string()
            default: return try literal()
            }
        }

        mutating func dictionary() throws -> [String: Any] {
            next += 1
            var result: [String: Any] = [:]
            if take("}") { return result }
            repeat {
                skipSpace()
                guard next < bytes.count, bytes[next] == UInt8(ascii: "\"") else { throw failure("a key is missing") }
                let key = try string()
                guard take(":") else { throw failure("a colon is missing") }
                result[key] = try value()
            } while take(",")
            guard take("}") else { throw failure("an object has no end") }
            return result
        }

        mutating func array() throws -> [Any] {
            next += 1
            var result: [Any] = []
            if take("]") { return result }
            repeat { result.append(try value()) } while take(",")
            guard take("]") else { throw failure("an array has no end") }
            return result
        }

        mutating func string() throws -> String {
            let start = next
            next += 1
            var isPlain = true
            while next < bytes.count, bytes[next] != UInt8(ascii: "\"") {
                if bytes[next] == UInt8(ascii: "\\") {
                    isPlain = false
                    next += 1
                }
                next += 1
            }
            guard next < bytes.count else { throw failure("a string has no end") }
            next += 1
            if isPlain { return String(decoding: bytes[(start + 1)..<(next - 1)], as: UTF8.self) }
            // Escapes are Foundation's affair.
            let text = try JSONSerialization.jsonObject(with: Data(bytes[start..<next]), options: .fragmentsAllowed)
            guard let text = text as? String else { throw failure("a string is malformed") }
            return text
        }

        mutating func literal() throws -> Any {
            let rest = bytes[next...].prefix { $0 > 0x20 && ![0x2c, 0x5d, 0x7d].contains($0) }
            let text = String(decoding: rest, as: UTF8.self)
            defer { next += rest.count }
            switch text {
            case "true": return NSNumber(value: true)
            case "false": return NSNumber(value: false)
            case "null": return NSNull()
            default: break
            }
            if let integer = Int64(text) { return NSNumber(value: integer) }
            if let integer = UInt64(text) { return NSNumber(value: integer) }
            guard let number = Double(text) else { throw failure("'\(text)' is no value") }
            return NSNumber(value: number)
        }
    }
}
