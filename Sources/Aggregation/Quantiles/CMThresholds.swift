/// How much uncertainty of rank a stream of samples may have, given its targets. Source: `docs/aggregations.md`.
struct CMThresholds {
    let quantiles: [Double]
    private let twiceEps: Double

    init(quantiles: [Double], eps: Double) {
        self.quantiles = quantiles
        twiceEps = 2 * eps
    }

    /// The most ranks that a sample of a rank may stand for: the least over all targets, each division truncated as
    /// M3 does it; the largest integer without targets.
    func threshold(rank: Int, count: Int) -> Int {
        var least = Int.max
        for quantile in quantiles {
            let allowed =
                rank >= Self.integer(quantile * Double(count))
                ? Self.integer(twiceEps * Double(rank) / quantile)
                : Self.integer(twiceEps * Double(count &- rank) / (1 - quantile))
            if allowed < least { least = allowed }
        }
        return least
    }

    /// Towards zero. Go on amd64 gives the smallest integer for NaN and what does not fit.
    @inline(__always) static func integer(_ value: Double) -> Int {
        value >= -0x1p63 && value < 0x1p63 ? Int(value) : .min
    }
}
