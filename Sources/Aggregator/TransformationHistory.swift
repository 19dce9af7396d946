import Aggregation

/// What the transformations of an element remember from window to window: the inputs of the binary one at the window
/// before, and the running totals of Add.
///
/// Windows that are published once leave it in the row of their element; the others each have their own.
struct TransformationHistory {
    /// The output time of the window before, 0 when there is none.
    private var previousTime: Int64 = 0
    private var previousInputs: Words?
    /// Where this window's inputs go; nil when none is to remember them.
    private var inputs: Words?
    /// The totals of the element.
    private let totals: Words
    private let typeCount: Int
    private let addsPerType: Bool
    private var window: RevisableWindow?
    private var previousTotals: Words?

    /// For a window that is published once.
    /// - Parameter element: the row of the element.
    @inline(__always)
    init(_ element: Words, _ shape: ElementShape) {
        totals = element + 2 + shape.binaryInputs
        typeCount = shape.types.count
        addsPerType = shape.addsPerType
    }

    /// For a window that may be published again.
    init(
        _ element: Words, _ shape: ElementShape, window: RevisableWindow, previous: RevisableWindow?
    ) {
        self.init(element, shape)
        self.window = window
        inputs = window.inputs
        guard let previous else { return }
        previousTime = shape.outputTime(ofWindow: previous.start)
        previousInputs = previous.inputs
        previousTotals = previous.totalsAfter
    }

    /// Turns to a window that is published once. One that is older than the last one published has no window before
    /// it, and none remembers it: windows before the last one are gone.
    mutating func begin(_ start: Int64, _ element: Words, _ shape: ElementShape) {
        let last = Int64(bitPattern: element[1])
        guard start > last else { return }
        inputs = element + 2
        guard last > 0 else { return }
        previousTime = shape.outputTime(ofWindow: last)
        previousInputs = inputs
    }

    /// The input of the window before, for an index among the element's types; nil when there is no window before.
    func previous(_ type: Int) -> Datapoint? {
        guard previousTime != 0, let previousInputs else { return nil }
        return Datapoint(timeNanos: previousTime, value: Double(bitPattern: previousInputs[type]))
    }

    func remember(_ input: Double, _ type: Int) { inputs?[type] = input.bitPattern }

    /// Adds to the total of an Add and gives it.
    /// - Parameter step: which Add of the pipeline.
    func add(_ value: Double, type: Int, step: Int) -> Double {
        let slot = addsPerType ? step * typeCount + type : step
        var total = Double(bitPattern: totals[slot])
        if addsPerType, let window {
            if let previousTotals {
                total = Double(bitPattern: previousTotals[slot])
            } else if window.wasFlushed {
                total = Double(bitPattern: window.totalsBefore[slot])
            }
            window.totalsBefore[slot] = total.bitPattern
        }
        let result = Add.apply(value, accumulator: &total)
        if addsPerType, let window { window.totalsAfter[slot] = total.bitPattern }
        totals[slot] = total.bitPattern
        return result
    }
}
