/// The greatest value of a window. Source: `docs/aggregations.md`.
public enum Maximum {
    /// What a counter without values reports.
    @inlinable public static var emptyCounter: Int64 { .min }
    /// What a gauge without values other than NaN reports: NaN with the bits that M3 sends.
    @inlinable public static var emptyGauge: Double { Double(bitPattern: 0x7ff8_0000_0000_0001) }

    @inlinable public static func update(_ greatest: inout Int64, with value: Int64) {
        if value > greatest { greatest = value }
    }

    /// - Parameter value: not NaN.
    @inlinable public static func update(_ greatest: inout Double, with value: Double) {
        if greatest.isNaN || value > greatest { greatest = value }
    }
}
