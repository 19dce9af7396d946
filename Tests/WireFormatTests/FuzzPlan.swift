import Foundation

/// How much the fuzz tests do. Bounded by iterations, so that a slow machine runs the same cases.
enum FuzzPlan {
    /// For each decoder and seed; `M3AGG_FUZZ_ITERATIONS` makes it more for a night's run.
    static let iterations = ProcessInfo.processInfo.environment["M3AGG_FUZZ_ITERATIONS"].flatMap(Int.init) ?? 5_000
}
