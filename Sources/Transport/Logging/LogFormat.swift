import Logging

/// How a log line is written.
public enum LogFormat: String, Sendable, CaseIterable {
    /// `time=2026-01-02T03:04:05.678Z level=info label=coordinator msg="listening" address=127.0.0.1:7201`
    case logfmt
    /// One JSON object a line with the same keys.
    case json

    /// Longer lines are cut: bad input must not fill the disk by way of the log.
    public static let maxLineBytes = 8192

    /// One line with its line feed.
    /// - Parameter timeNanos: nanoseconds since 1970.
    func line(
        timeNanos: Int64, level: Logger.Level, label: String, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        let pairs =
            [
                (key: "time", value: UTCTime.text(nanos: timeNanos)), (key: "level", value: level.rawValue),
                (key: "label", value: label), (key: "msg", value: message),
            ] + metadata
        var out: [UInt8] = []
        // Room for the closing brace and the line feed; each text is cut so that the line stays well-formed.
        let limit = Self.maxLineBytes - 2
        for (index, pair) in pairs.enumerated() {
            let start = out.count
            append(pair.key, pair.value, isFirst: index == 0, to: &out)
            if out.count > limit {
                let excess = out.count - limit
                out.removeSubrange(start...)
                // Escapes make texts longer, at most sixfold, so this may cut more than is needed.
                let kept = pair.value.utf8.count - excess - Self.ellipsis.utf8.count
                guard kept > 0 else { break }
                append(pair.key, prefix(of: pair.value, bytes: kept) + Self.ellipsis, isFirst: index == 0, to: &out)
                if out.count > limit { out.removeSubrange(start...) }
                break
            }
        }
        if self == .json { out.append(UInt8(ascii: "}")) }
        out.append(UInt8(ascii: "\n"))
        return out
    }

    private static let ellipsis = "…"

    private func prefix(of text: String, bytes: Int) -> String {
        var prefix = text.unicodeScalars.prefix(bytes)
        while prefix.reduce(0, { $0 + UTF8.width($1) }) > bytes { prefix = prefix.dropLast() }
        return String(prefix)
    }

    private func append(_ key: String, _ value: String, isFirst: Bool, to out: inout [UInt8]) {
        switch self {
        case .logfmt:
            if !isFirst { out.append(UInt8(ascii: " ")) }
            out += key.utf8.map { Self.isPlain($0) ? $0 : UInt8(ascii: "_") }
            out.append(UInt8(ascii: "="))
            if !value.isEmpty, value.utf8.allSatisfy(Self.isPlain) {
                out += value.utf8
            } else {
                Self.appendQuoted(value, to: &out)
            }
        case .json:
            out.append(UInt8(ascii: isFirst ? "{" : ","))
            Self.appendQuoted(key, to: &out)
            out.append(UInt8(ascii: ":"))
            Self.appendQuoted(value, to: &out)
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            && byte != UInt8(ascii: "\\")
    }

    private static func appendQuoted(_ text: String, to out: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): out += #"\n"#.utf8
            case UInt8(ascii: "\r"): out += #"\r"#.utf8
            case UInt8(ascii: "\t"): out += #"\t"#.utf8
            case 0..<0x20, 0x7f:
                out += #"\u00"#.utf8
                out += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
