/// A value and its time, as a pipeline's functions take and give it.
public struct Datapoint: Sendable {
    /// Nanoseconds since 1970.
    public var timeNanos: Int64
    public var value: Double

    @inlinable public init(timeNanos: Int64, value: Double) {
        self.timeNanos = timeNanos
        self.value = value
    }

    /// No result: NaN at time 0. Also stands for the window before the first one.
    @inlinable public static var empty: Datapoint { Datapoint(timeNanos: 0, value: .nan) }

    @inlinable public var isEmpty: Bool { value.isNaN }
}
