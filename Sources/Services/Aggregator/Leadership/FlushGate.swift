/// Whether windows may be published at this very moment.
protocol FlushGate: Sendable {
    /// The term to publish with; nil for nothing. Any thread; doesn't wait.
    func publishingTerm(now: Int64) -> Int64?
}
