/// The fields of a JSON object that stands for a protobuf message, by M3's mapping: lowerCamel and original names, numbers quoted
/// or not, null for the default, no unknown names. Errors are answered 400 with M3's texts.
struct MessageFields {
    private var fields: [String: JSONValue] = [:]
    private let message: String

    /// - Parameter message: the Go type, such as `admin.TopicInitRequest`, for errors.
    init(_ value: JSONValue, message: String) throws(AdminError) {
        self.message = message
        switch value {
        case .null: break
        case .object(let list): for field in list { fields[field.name] = field.value }
        default: throw Self.mismatch(value, "map[string]json.RawMessage")
        }
    }

    /// Reads the fields of `value` with `body`, which takes all that there may be.
    static func read<T>(
        _ value: JSONValue, message: String, _ body: (inout MessageFields) throws(AdminError) -> T
    ) throws(AdminError) -> T {
        var fields = try MessageFields(value, message: message)
        let result = try body(&fields)
        if let unknown = fields.fields.keys.min() {
            throw .invalid("unknown field \(GoText.quoted(unknown)) in \(message)")
        }
        return result
    }

    /// nil when the field is absent or null. With both names present the camel one counts.
    mutating func take(_ name: String, _ original: String? = nil) -> JSONValue? {
        let first = fields.removeValue(forKey: name)
        let second = original.flatMap { $0 == name ? nil : fields.removeValue(forKey: $0) }
        guard let value = first ?? second, value != .null else { return nil }
        return value
    }

    mutating func string(_ name: String, _ original: String? = nil) throws(AdminError) -> String {
        try take(name, original).map(Self.string) ?? ""
    }

    mutating func bool(_ name: String, _ original: String? = nil) throws(AdminError) -> Bool {
        try optionalBool(name, original) ?? false
    }

    mutating func optionalBool(_ name: String, _ original: String? = nil) throws(AdminError) -> Bool? {
        guard let value = take(name, original) else { return nil }
        guard case .bool(let flag) = value else { throw Self.mismatch(value, "bool") }
        return flag
    }

    mutating func integer<I: FixedWidthInteger>(
        _ name: String, _ original: String? = nil, as type: I.Type
    ) throws(AdminError) -> I {
        try take(name, original).map { value throws(AdminError) in try Self.integer(value, as: type) } ?? 0
    }

    mutating func double(_ name: String) throws(AdminError) -> Double {
        guard let value = take(name) else { return 0 }
        switch value {
        case .string("NaN"): return .nan
        case .string("Infinity"): return .infinity
        case .string("-Infinity"): return -.infinity
        case .string(let text): return try Self.double(JSONParser.onlyValue(in: text))
        default: return try Self.double(value)
        }
    }

    mutating func list<T>(
        _ name: String, _ original: String? = nil, _ element: (JSONValue) throws(AdminError) -> T
    ) throws(AdminError) -> [T] {
        guard let value = take(name, original) else { return [] }
        guard case .array(let items) = value else { throw Self.mismatch(value, "[]json.RawMessage") }
        var list: [T] = []
        for item in items { list.append(try element(item)) }
        return list
    }

    mutating func map<T>(
        _ name: String, _ element: (JSONValue) throws(AdminError) -> T
    ) throws(AdminError) -> [String: T] {
        guard let value = take(name) else { return [:] }
        guard case .object(let items) = value else { throw Self.mismatch(value, "map[string]json.RawMessage") }
        var map: [String: T] = [:]
        for item in items { map[item.name] = try element(item.value) }
        return map
    }

    /// The number of an enum's value, given by name or number.
    mutating func enumeration(
        _ name: String, _ original: String? = nil, _ values: [String], type: String
    ) throws(AdminError) -> Int {
        guard let value = take(name, original) else { return 0 }
        guard case .string(let text) = value else { return Int(try Self.integer(value, as: Int32.self)) }
        guard let number = values.firstIndex(of: text) else {
            throw .invalid("unknown value \(GoText.quoted(text)) for enum \(type)")
        }
        return number
    }

    static func string(_ value: JSONValue) throws(AdminError) -> String {
        switch value {
        case .null: return ""
        case .string(let text): return text
        case .number: throw .invalid("json: cannot unmarshal number into Go value of type string")
        default: throw mismatch(value, "string")
        }
    }

    static func integer<I: FixedWidthInteger>(_ value: JSONValue, as type: I.Type) throws(AdminError) -> I {
        let name = "\(I.isSigned ? "int" : "uint")\(I.bitWidth)"
        switch value {
        case .null: return 0
        case .number(let text):
            guard let number = I(text) else { throw mismatch(value, name) }
            return number
        case .string(let text):
            let inner = try JSONParser.onlyValue(in: text)
            if case .string = inner { throw mismatch(inner, name) }
            return try integer(inner, as: type)
        default: throw mismatch(value, name)
        }
    }

    private static func double(_ value: JSONValue) throws(AdminError) -> Double {
        guard case .number(let text) = value, let number = Double(text), number.isFinite else {
            throw mismatch(value, "float64")
        }
        return number
    }

    private static func mismatch(_ value: JSONValue, _ type: String) -> AdminError {
        .invalid("json: cannot unmarshal \(value.kind) into Go value of type \(type)")
    }
}

/// Texts as Go prints them.
enum GoText {
    /// As `%q`: for names and ids in errors.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                out += "\\x" + (hex.utf8.count == 1 ? "0" : "") + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
