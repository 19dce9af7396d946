extension Section {
    /// A century, the longest time that makes sense anywhere.
    static let century: Int64 = 3_155_760_000_000_000_000

    /// What stands in front of a colon as one value; nil, with an error, when it is a list or mapping.
    func text(_ key: String) -> (text: String, origin: ValueOrigin)? {
        guard let node = child(key) else { return nil }
        guard case .scalar(let text) = node.content else {
            fail(key, "a single value is expected, not \(node.kind)", "write one value behind the colon")
            return nil
        }
        return (text, node.origin)
    }

    func string(_ key: String, default standard: String, secret: Bool = false) -> String {
        let read = text(key)
        let value = read?.text ?? standard
        record(key, .text(secret && !value.isEmpty ? "***" : value), read?.origin ?? .standard)
        return value
    }

    /// A text that must stand there and not be empty, unless the whole section is absent.
    func required(_ key: String, default standard: String? = nil, example: String) -> String {
        let value = string(key, default: standard ?? "")
        if value.isEmpty {
            let missing = node?[key] == nil
            fail(key, missing ? "is missing" : "is empty", "write it, such as \(example)")
        }
        return value
    }

    /// - Parameter zeroIsDefault: whether 0 means the same as leaving the key out, as for most of M3's durations.
    func duration(
        _ key: String, default standard: Int64, zeroIsDefault: Bool = false, in range: ClosedRange<Int64> = 0...century
    ) -> Int64 {
        var value = standard
        var source = ValueOrigin.standard
        if let (text, origin) = text(key) {
            if let nanos = durationNanos(key, text) {
                if range.contains(nanos) {
                    value = nanos == 0 && zeroIsDefault ? standard : nanos
                } else {
                    fail(
                        key, "is out of range",
                        "write \(GoDuration.format(range.lowerBound)) to \(GoDuration.format(range.upperBound))")
                }
            }
            source = origin
        }
        record(key, .text(GoDuration.format(value == .max ? 0 : value)), source)
        return value
    }

    private func durationNanos(_ key: String, _ text: String) -> Int64? {
        if let nanos = GoDuration.parse(text) { return nanos }
        // M3 reads a bare number as nanoseconds, which nobody means.
        if let nanos = Int64(text) {
            fail(
                key, "a number without a unit counts nanoseconds", "write the unit, such as \(text)s",
                severity: .warning)
            return nanos
        }
        fail(key, "is no duration", "write a number with a unit, such as 10s, 100ms, 1m30s or 2h")
        return nil
    }

    func int(
        _ key: String, default standard: Int, zeroIsDefault: Bool = false, in range: ClosedRange<Int>
    ) -> Int {
        var value = standard
        var source = ValueOrigin.standard
        if let (text, origin) = text(key) {
            if let number = Self.integer(text) {
                if range.contains(number) {
                    value = number == 0 && zeroIsDefault ? standard : number
                } else {
                    fail(key, "is out of range", "write \(range.lowerBound) to \(range.upperBound)")
                }
            } else {
                fail(key, "is no whole number", "write digits only, such as \(standard)")
            }
            source = origin
        }
        record(key, .number("\(value)"), source)
        return value
    }

    /// Also `1_000`, `0x10` and `1e6`, as YAML has them.
    private static func integer(_ text: String) -> Int? {
        let digits = text.contains("_") ? String(text.filter { $0 != "_" }) : text
        if let number = Int(digits) { return number }
        if digits.hasPrefix("0x") { return Int(digits.dropFirst(2), radix: 16) }
        guard let number = plainDouble(digits), number.rounded() == number, number.magnitude < 0x1p53 else {
            return nil
        }
        return Int(number)
    }

    func double(
        _ key: String, default standard: Double, zeroIsDefault: Bool = false, in range: ClosedRange<Double>
    ) -> Double {
        var value = standard
        var source = ValueOrigin.standard
        if let (text, origin) = text(key) {
            if let number = Self.plainDouble(text) {
                if range.contains(number) {
                    value = number == 0 && zeroIsDefault ? standard : number
                } else {
                    fail(key, "is out of range", "write \(range.lowerBound) to \(range.upperBound)")
                }
            } else {
                fail(key, "is no number", "write a number, such as 0.5")
            }
            source = origin
        }
        record(key, .number("\(value)"), source)
        return value
    }

    private static func plainDouble(_ text: String) -> Double? {
        let allowed = text.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "+-.eE".utf8.contains($0)
        }
        guard allowed, let number = Double(text), number.isFinite else { return nil }
        return number
    }

    func bool(_ key: String, default standard: Bool) -> Bool {
        var value = standard
        var source = ValueOrigin.standard
        if let (text, origin) = text(key) {
            switch text.lowercased() {
            case "true", "yes", "on", "y": value = true
            case "false", "no", "off", "n": value = false
            default: fail(key, "is neither true nor false", "write true or false")
            }
            source = origin
        }
        record(key, .bool(value), source)
        return value
    }

    /// One of some names.
    func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, default standard: Value, also names: [String: Value] = [:]
    ) -> Value where Value.RawValue == String {
        var value = standard
        var source = ValueOrigin.standard
        if let (text, origin) = text(key) {
            if let found = Value(rawValue: text) ?? names[text] {
                value = found
            } else if !text.isEmpty {
                let all = Value.allCases.map(\.rawValue)
                let nearest = NearestName.of(text, among: all + names.keys.sorted())
                fail(
                    key, "is unknown",
                    (nearest.map { "did you mean '\($0)'? " } ?? "") + "write one of \(all.joined(separator: ", "))")
            }
            source = origin
        }
        record(key, .text(value.rawValue), source)
        return value
    }

    func address(_ key: String, default standard: ListenAddress?) -> ListenAddress? {
        guard let (text, origin) = text(key), !text.isEmpty else {
            record(key, standard.map { .text($0.description) } ?? .null, .standard)
            return standard
        }
        guard let address = ListenAddress(text) else {
            fail(key, "is no address", "write HOST:PORT, such as 0.0.0.0:6000 or [::]:6000")
            return standard
        }
        record(key, .text(text), origin)
        return address
    }

    /// An address that must be given.
    func requiredAddress(_ key: String, default standard: ListenAddress?) -> ListenAddress {
        let before = reader.diagnostics.count
        if let address = address(key, default: standard) { return address }
        if reader.diagnostics.count == before { fail(key, "is missing", "write HOST:PORT, such as 0.0.0.0:6000") }
        return ListenAddress(host: "0.0.0.0", port: 0)
    }

    /// A list of single values; nil when it is absent.
    /// - Parameter read: nil when a text is wrong, after ``Reader/report(_:)``.
    func list<Value>(
        _ key: String, default standard: [Value], write: (Value) -> String,
        read: (_ text: String, _ refuse: (_ problem: String, _ remedy: String) -> Void) -> Value?
    ) -> [Value] {
        guard let node = child(key) else {
            recordList(key, standard.map { (write($0), .standard) }, .standard)
            return standard
        }
        guard case .sequence(let items) = node.content else {
            fail(key, "a list is expected, not \(node.kind)", "write '- ' before each entry, or [a, b]")
            return standard
        }
        guard items.count <= Self.maxListEntries else {
            fail(key, "\(items.count) entries are too many", "write at most \(Self.maxListEntries)")
            return standard
        }
        var values: [Value] = []
        var recorded: [(String, ValueOrigin)] = []
        for (index, item) in items.enumerated() {
            let field = item.writtenPath ?? "\(self.field(key))[\(index)]"
            guard case .scalar(let text) = item.content else {
                reader.report(
                    Reader.diagnostic(
                        .error, item.origin, field: field, value: nil, "a single value is expected, not \(item.kind)",
                        "write one value behind the dash"))
                continue
            }
            let refuse = { [reader] (problem: String, remedy: String) in
                reader.report(
                    Reader.diagnostic(.error, item.origin, field: field, value: text, problem, remedy))
            }
            guard let value = read(text, refuse) else { continue }
            values.append(value)
            recorded.append((write(value), item.origin))
        }
        recordList(key, recorded, node.origin)
        return values
    }

    private func recordList(_ key: String, _ texts: [(text: String, origin: ValueOrigin)], _ origin: ValueOrigin) {
        if texts.isEmpty { record(key, .emptyList, origin) }
        for (index, item) in texts.enumerated() {
            reader.record(path + [.key(key), .index(index)], .text(item.text), item.origin)
        }
    }

    func strings(_ key: String, default standard: [String] = []) -> [String] {
        list(key, default: standard, write: { $0 }, read: { text, _ in text })
    }

    /// A mapping of any names to texts.
    func dictionary(_ key: String) -> [String: String] {
        guard let node = child(key) else { return [:] }
        guard case .mapping(let entries) = node.content else {
            fail(key, "a mapping is expected, not \(node.kind)", "write 'name: value' lines below it")
            return [:]
        }
        var values: [String: String] = [:]
        for entry in entries {
            guard case .scalar(let text) = entry.node.content else {
                reader.report(
                    Reader.diagnostic(
                        .error, entry.keyOrigin, field: "\(field(key)).\(entry.key)", value: nil,
                        "a single value is expected, not \(entry.node.kind)", "write one value behind the colon"))
                continue
            }
            values[entry.key] = text
            reader.record(path + [.key(key), .key(entry.key)], .text(text), entry.node.origin)
        }
        return values
    }
}
