/// The running sum of the values of an element. Source: `docs/aggregations.md`.
public enum Add {
    /// - Parameter accumulator: starts at 0 and lives as long as its element, which has one for all its aggregation
    ///   types together, as in M3: several types add into each other, and a window sent again adds again.
    /// - Returns: the accumulator, to which NaN adds nothing.
    @inlinable public static func apply(_ value: Double, accumulator: inout Double) -> Double {
        if !value.isNaN { accumulator += value }
        return accumulator
    }
}
