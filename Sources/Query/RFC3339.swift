/// Times such as `2026-01-02T03:04:05.678+01:00` (RFC 3339).
enum RFC3339 {
    /// Milliseconds since 1970, nil when the text is none. Fractions below a millisecond are cut off.
    static func millis(_ text: String) -> Int64? {
        var reader = Reader(rest: Array(text.utf8)[...])
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), reader.take("T") || reader.take("t"), let hour = reader.number(2),
            reader.take(":"), let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
            (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year), hour < 24, minute < 60,
            second < 60, let fraction = reader.fractionMillis(), let offset = reader.offsetSeconds(),
            reader.rest.isEmpty
        else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        return (days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1000 + fraction
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func take(_ character: StaticString) -> Bool {
            guard let first = rest.first, first == character.withUTF8Buffer({ $0.first }) else { return false }
            rest.removeFirst()
            return true
        }

        mutating func number(_ digits: Int) -> Int64? {
            let text = rest.prefix(digits)
            guard text.count == digits, text.allSatisfy(PromQLLexer.isDigit) else { return nil }
            rest = rest.dropFirst(digits)
            return Int64(String(decoding: text, as: UTF8.self))
        }

        mutating func fractionMillis() -> Int64? {
            guard take(".") else { return 0 }
            let digits = rest.prefix(while: PromQLLexer.isDigit)
            guard (1...18).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            let padded = (Array(digits) + Array("00".utf8)).prefix(3)
            return Int64(String(decoding: padded, as: UTF8.self))
        }

        mutating func offsetSeconds() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let isNegative = take("-")
            guard isNegative || take("+"), let hours = number(2), take(":"), let minutes = number(2), hours < 24,
                minutes < 60
            else { return nil }
            let seconds = hours * 3600 + minutes * 60
            return isNegative ? -seconds : seconds
        }
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Counts in eras of 400 years that start on 1 March, so that the leap day is the last of its year.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
