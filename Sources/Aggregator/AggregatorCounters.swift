/// What went into an aggregator core and what became of it, in numbers that have to add up.
///
/// A value is one number of a metric: a timer batch of n is n values, a forwarded message of n is n.
/// Source: `docs/aggregator.md`, conservation.
public struct AggregatorCounters: Sendable, Equatable {
    // Equation (1): payloads = decoded + bad + misrouted.
    /// Payloads handed in, those passed back as misrouted left out of all else.
    public var payloads: UInt64 = 0
    public var decoded: UInt64 = 0
    /// Payloads that were no metric, by reason.
    public var bad: [String: UInt64] = [:]
    /// Payloads of shards of another worker.
    public var misrouted: UInt64 = 0

    // Equation (2): received = routed + unrouted + passed through;
    // applications = applied + rejected + duplicates + replaced.
    public var received: UInt64 = 0
    /// Values that had at least one element to go to.
    public var routed: UInt64 = 0
    public var unrouted = ReasonCounts<DropReason>()
    /// Each routed value counts once for each element that it was to be added to.
    public var applications: UInt64 = 0
    public var applied: UInt64 = 0
    public var rejected = ReasonCounts<DropReason>()
    /// Forwarded values that had come before: no loss.
    public var duplicates: UInt64 = 0
    /// Forwarded values that took the place of earlier ones.
    public var replaced: UInt64 = 0
    /// Metrics that were handed on as they are.
    public var passedThrough: UInt64 = 0

    // Equation (3): applied = consumed + discarded + open.
    /// Values in windows that were consumed by a flush; of windows that are consumed again, the new ones.
    public var consumed: UInt64 = 0
    public var discarded = ReasonCounts<DiscardReason>()

    // Equation (4): windowTypes = emitted + forwarded + forwardDropped + suppressed.
    public var windowsConsumed: UInt64 = 0
    /// Of the consumed windows, those that had been consumed before.
    public var windowsConsumedAgain: UInt64 = 0
    /// Of the consumed windows, those that began before the worker did and may lack values.
    public var partialWindowsConsumed: UInt64 = 0
    /// Sum of the number of aggregation types over the consumed windows.
    public var windowTypes: UInt64 = 0
    /// Values published as aggregated metrics, the extra zeros of Reset left out.
    public var emitted: UInt64 = 0
    /// The extra zeros that Reset publishes.
    public var resetZeros: UInt64 = 0
    public var forwarded: UInt64 = 0
    public var forwardedMessages: UInt64 = 0
    public var forwardDropped = ReasonCounts<ForwardDropReason>()
    public var suppressed = ReasonCounts<SuppressReason>()

    // Life of series and elements.
    public var seriesCreated: UInt64 = 0
    public var seriesExpired: UInt64 = 0
    public var elementsCreated: UInt64 = 0
    /// Annotations that were left out because of the limits.
    public var annotationsDropped: UInt64 = 0
    public var flushes: UInt64 = 0

    public init() {}

    /// The equations that do not hold, each as a line with its figures; empty when all is well.
    /// - Parameter openValues: the values in windows that are open now.
    public func verify(openValues: UInt64) -> [String] {
        var failures: [String] = []
        func check(_ name: String, _ left: UInt64, _ right: [(String, UInt64)]) {
            guard left != right.reduce(0, { $0 &+ $1.1 }) else { return }
            failures.append("\(name) \(left) != " + right.map { "\($0.0) \($0.1)" }.joined(separator: " + "))
        }
        check(
            "(1) payloads", payloads,
            [("decoded", decoded), ("bad", bad.values.reduce(0, &+)), ("misrouted", misrouted)])
        check(
            "(2) received", received,
            [("routed", routed), ("unrouted", unrouted.total), ("passed through", passedThrough)])
        check(
            "(2) applications", applications,
            [
                ("applied", applied), ("rejected", rejected.total), ("duplicates", duplicates), ("replaced", replaced),
            ])
        check(
            "(3) applied", applied, [("consumed", consumed), ("discarded", discarded.total), ("open", openValues)])
        check(
            "(4) window types", windowTypes,
            [
                ("emitted", emitted), ("forwarded", forwarded), ("forward dropped", forwardDropped.total),
                ("suppressed", suppressed.total),
            ])
        return failures
    }
}
