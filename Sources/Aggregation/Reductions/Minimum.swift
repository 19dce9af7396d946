/// The least value of a window. Source: `docs/aggregations.md`.
public enum Minimum {
    /// What a counter without values reports.
    @inlinable public static var emptyCounter: Int64 { .max }
    /// What a gauge without values other than NaN reports: NaN with the bits that M3 sends.
    @inlinable public static var emptyGauge: Double { Double(bitPattern: 0x7ff8_0000_0000_0001) }

    @inlinable public static func update(_ least: inout Int64, with value: Int64) {
        if value < least { least = value }
    }

    /// - Parameter value: not NaN.
    @inlinable public static func update(_ least: inout Double, with value: Double) {
        if least.isNaN || value < least { least = value }
    }
}
