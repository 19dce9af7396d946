/// Numbers as Prometheus writes them in JSON: the shortest decimals that read back as the same value.
public enum NumberFormat {
    /// Values: plain decimals, an exponent of at least two digits below 1e-6 and from 1e21 on (`1e-07`, `1e+21`), and
    /// `NaN`, `+Inf`, `-Inf`.
    public static func append(_ value: Double, to out: inout [UInt8]) {
        if value.isNaN {
            out += "NaN".utf8
        } else if value.isInfinite {
            out += (value < 0 ? "-Inf" : "+Inf").utf8
        } else if value == value.rounded(.towardZero), value.magnitude < 1e15 {
            // The usual case, integers, without going through decimals; the sign of -0 is kept.
            if value.sign == .minus { out.append(UInt8(ascii: "-")) }
            append(UInt64(value.magnitude), to: &out)
        } else {
            appendFraction(value, to: &out)
        }
    }

    public static func string(_ value: Double) -> String {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Seconds with three decimals when there are milliseconds: `1435781430.781`, `1435781430`.
    public static func append(millisAsSeconds millis: Int64, to out: inout [UInt8]) {
        let (seconds, rest) = millis.quotientAndRemainder(dividingBy: 1000)
        if millis < 0 { out.append(UInt8(ascii: "-")) }
        append(seconds.magnitude, to: &out)
        let fraction = Int(rest.magnitude)
        guard fraction != 0 else { return }
        out.append(UInt8(ascii: "."))
        for divisor in [100, 10, 1] { out.append(UInt8(ascii: "0") + UInt8(fraction / divisor % 10)) }
    }

    static func append(_ number: UInt64, to out: inout [UInt8]) {
        let start = out.count
        var rest = number
        repeat {
            out.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        out[start...].reverse()
    }

    /// Swift's description has the shortest digits too, only its rules for the exponent differ.
    private static func appendFraction(_ value: Double, to out: inout [UInt8]) {
        var text = value.description
        text.withUTF8 { text in
            guard text.contains(UInt8(ascii: "e")) else {
                let isInteger =
                    text.count > 2 && text[text.count - 2] == UInt8(ascii: ".") && text.last == UInt8(ascii: "0")
                out += text.dropLast(isInteger ? 2 : 0)
                return
            }
            appendWithExponent(text, value.magnitude, to: &out)
        }
    }

    private static func appendWithExponent(
        _ text: UnsafeBufferPointer<UInt8>, _ magnitude: Double, to out: inout [UInt8]
    ) {
        var digits: [UInt8] = []
        var exponent = 0
        var pointAt: Int?
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "-"): out.append(byte)
            case UInt8(ascii: "."): pointAt = digits.count
            case UInt8(ascii: "e"):
                exponent = Int(String(decoding: rest, as: UTF8.self)) ?? 0
                rest = rest[rest.endIndex...]
            default: digits.append(byte)
            }
        }
        // The value is 0.d₁d₂d₃… times ten to the power of `scale`; d₁ is not 0 where there is an exponent.
        let scale = (pointAt ?? digits.count) + exponent
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        if magnitude < 1e-6 || magnitude >= 1e21 {
            appendScientific(digits, exponent: scale - 1, to: &out)
        } else if scale <= 0 {
            out += "0.".utf8
            out += repeatElement(UInt8(ascii: "0"), count: -scale)
            out += digits
        } else if scale < digits.count {
            out += digits[..<scale]
            out.append(UInt8(ascii: "."))
            out += digits[scale...]
        } else {
            out += digits
            out += repeatElement(UInt8(ascii: "0"), count: scale - digits.count)
        }
    }

    private static func appendScientific(_ digits: [UInt8], exponent: Int, to out: inout [UInt8]) {
        out += digits.prefix(1)
        if digits.count > 1 {
            out.append(UInt8(ascii: "."))
            out += digits.dropFirst()
        }
        out.append(UInt8(ascii: "e"))
        out.append(UInt8(ascii: exponent < 0 ? "-" : "+"))
        if exponent.magnitude < 10 { out.append(UInt8(ascii: "0")) }
        append(UInt64(exponent.magnitude), to: &out)
    }
}
