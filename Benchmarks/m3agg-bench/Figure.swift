import Foundation

/// One measured number, with the ceiling that it is held to.
struct Figure: Encodable {
    var name: String
    var value: Double
    var unit: String
    /// The most that is acceptable; nil for a number that only explains another.
    var ceiling: Double?

    init(_ name: String, _ value: Double, _ unit: String, ceiling: Double? = nil) {
        self.name = name
        self.value = value
        self.unit = unit
        self.ceiling = ceiling
    }

    /// nil without a ceiling.
    var isWithinCeiling: Bool? { ceiling.map { value <= $0 } }

    var line: String {
        let padded = name.padding(toLength: 66, withPad: " ", startingAt: 0)
        let number = String(format: value < 100 ? "%8.3f" : "%8.0f", value)
        guard let ceiling, let isWithinCeiling else { return "\(padded) \(number) \(unit)" }
        return "\(padded) \(number) \(unit)  (at most \(ceiling.formatted())) \(isWithinCeiling ? "pass" : "FAIL")"
    }

    private enum CodingKeys: CodingKey { case name, value, unit, ceiling, pass }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(value, forKey: .value)
        try container.encode(unit, forKey: .unit)
        try container.encodeIfPresent(ceiling, forKey: .ceiling)
        try container.encodeIfPresent(isWithinCeiling, forKey: .pass)
    }

    static func json(_ figures: [Figure]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(figures), as: UTF8.self)
    }
}
