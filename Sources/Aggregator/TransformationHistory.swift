import Aggregation

/// What the transformations of an element remember from window to window: the inputs of the binary one at the last
/// window that was published, and the running totals of Add. Lies in the row of the element.
struct TransformationHistory {
    private let words: Words
    private let binaryInputs: Int
    /// The output time of the window before; the inputs are its own then.
    private var previousTime: Int64 = 0
    private let resolutionNanos: Int64
    private let isForwarded: Bool
    private var keepsInputs = true

    /// - Parameter element: the row of the element.
    @inline(__always)
    init(_ element: Words, _ shape: ElementShape) {
        words = element
        binaryInputs = shape.binaryInputs
        resolutionNanos = shape.key.bucket.resolutionNanos
        isForwarded = shape.key.bucket.kind == .forwarded
    }

    /// Turns to a window. One that is older than the last one published has no window before it, and none remembers
    /// it: windows before the last one are gone.
    mutating func begin(_ start: Int64) {
        let last = Int64(bitPattern: words[1])
        keepsInputs = start > last
        guard last > 0, keepsInputs else { return }
        previousTime = isForwarded ? last : last.addingSaturating(resolutionNanos)
    }

    /// The input of the window before, for an index among the element's types; nil when there is no window before.
    func previous(_ type: Int) -> Datapoint? {
        guard previousTime != 0 else { return nil }
        return Datapoint(timeNanos: previousTime, value: Double(bitPattern: words[2 + type]))
    }

    func remember(_ input: Double, _ type: Int) {
        if keepsInputs { words[2 + type] = input.bitPattern }
    }

    /// Adds to the total of an Add and gives it.
    func add(_ value: Double, _ index: Int) -> Double {
        var total = Double(bitPattern: words[2 + binaryInputs + index])
        let result = Add.apply(value, accumulator: &total)
        words[2 + binaryInputs + index] = total.bitPattern
        return result
    }
}
