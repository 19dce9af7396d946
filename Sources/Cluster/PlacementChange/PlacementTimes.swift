/// The clock of a placement change, in nanoseconds since 1970.
public struct PlacementTimes: Sendable, Hashable {
    public var now: Int64
    /// From when a shard belongs to its new owner; 0: at once.
    public var shardCutover: Int64
    /// Until when a shard belongs to its old owner; `ShardAssignment.never` for none.
    public var shardCutoff: Int64
    /// A shard that has left can still have windows to publish for so long.
    public var maxAggregationWindow: Int64

    public init(
        now: Int64, shardCutover: Int64 = 0, shardCutoff: Int64 = ShardAssignment.never,
        maxAggregationWindow: Int64 = 0
    ) {
        self.now = now
        self.shardCutover = shardCutover
        self.shardCutoff = shardCutoff
        self.maxAggregationWindow = maxAggregationWindow
    }

    /// M3's times for aggregators: shards change hands where the largest window ends, so that none is divided.
    public static func aggregator(
        now: Int64, maxAggregationWindow: Int64 = 60_000_000_000, warmup: Int64 = 0
    ) -> PlacementTimes {
        let cutover = ceil(now + warmup, to: maxAggregationWindow)
        return PlacementTimes(
            now: now, shardCutover: cutover, shardCutoff: cutover, maxAggregationWindow: maxAggregationWindow)
    }

    /// Nanoseconds from 0001-01-01, where windows are aligned, to 1970-01-01 are too many for 64 bits; only their remainder counts.
    private static func ceil(_ time: Int64, to window: Int64) -> Int64 {
        guard window > 0 else { return time }
        let epoch = remainder(seconds: 62_135_596_800, window: window)
        let past = (time % window + epoch) % window
        let into = past < 0 ? past + window : past
        return into == 0 ? time : time + (window - into)
    }

    /// (seconds × 10⁹) mod window, without overflow.
    private static func remainder(seconds: Int64, window: Int64) -> Int64 {
        // Both factors are below the window, so that the quotient fits.
        let product = (seconds % window).multipliedFullWidth(by: 1_000_000_000 % window)
        return window.dividingFullWidth(product).remainder
    }

    /// Whether the new owner may be taken for the only one.
    func isPast(cutover: Int64) -> Bool { cutover <= now }

    /// Whether the old owner has nothing left to publish.
    func isPast(cutoff: Int64) -> Bool { cutoff <= now - maxAggregationWindow }
}
