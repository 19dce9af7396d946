import Metrics
import Rules
import Synchronization

/// Turns samples into messages for the aggregator, as the rules say. Safe to use from any thread.
///
/// What becomes of a series is worked out once and kept in a cache known by the bytes of its labels as they arrived.
/// The cache has stripes with a lock each: requests of one sender come in over several connections and so on several
/// event loops, and a cache per loop would hold every series once per loop. A lock nobody else wants costs some 20 ns, a
/// tenth of what a sample costs. Source: `docs/rules.md`, Downsampling.
public final class Downsampler: Sendable {
    private final class Stripe: Sendable {
        let table: Mutex<SeriesPlanTable>
        init(maxPlans: Int, maxBytes: Int) {
            table = Mutex(SeriesPlanTable(maxPlans: maxPlans, maxBytes: maxBytes))
        }
    }

    /// How full the cache is and what it did.
    public struct CacheState: Sendable, Equatable {
        public var series = 0
        public var bytes = 0
        public var misses: UInt64 = 0
        public var evictions: UInt64 = 0
    }

    private static let stripeBits: UInt64 = 6

    public let options: DownsamplerOptions
    private let stripes: [Stripe]
    private let seed: UInt64
    private let rulesInForce: Mutex<(generation: UInt64, rules: RuleSet)>
    private let generation: Atomic<UInt64>
    private let misses = Atomic<UInt64>(0)

    public init(rules: RuleSet = .empty, options: DownsamplerOptions = DownsamplerOptions()) {
        self.options = options
        let count = 1 << Int(Self.stripeBits)
        stripes = (0..<count).map { _ in
            Stripe(maxPlans: max(1, options.maxCachedSeries / count), maxBytes: options.maxCachedBytes / count)
        }
        seed = UInt64.random(in: 0...UInt64.max)
        rulesInForce = Mutex((1, rules))
        generation = Atomic(1)
    }

    /// The rules in force.
    public var rules: RuleSet { rulesInForce.withLock { $0.rules } }

    /// Puts other rules into force, for every sample that is looked at from now on.
    public func setRules(_ rules: RuleSet) {
        rulesInForce.withLock {
            $0.generation += 1
            $0.rules = rules
            generation.store($0.generation, ordering: .releasing)
        }
    }

    public var cacheState: CacheState {
        var state = CacheState(misses: misses.load(ordering: .relaxed))
        for stripe in stripes {
            stripe.table.withLock {
                state.series += $0.count
                state.bytes += $0.bytes
                state.evictions += $0.evictions
            }
        }
        return state
    }

    /// The plan of a series.
    /// - Parameters:
    ///   - key: bytes that are the same each time the series comes, such as its labels as they were sent.
    ///   - labels: called when the plan is not in the cache.
    /// - Throws: what `labels` throws, or ``MetricsError`` as the given type when an id that rules make is too long.
    public func plan(
        key: UnsafeRawBufferPointer, attributes: SeriesAttributes,
        labels: () throws(SeriesRejection) -> Labels
    ) throws(SeriesRejection) -> SeriesPlan {
        let hash = Wyhash.hash(key, seed: seed ^ attributes.packed)
        let stripe = stripes[Int(truncatingIfNeeded: hash >> (64 &- Self.stripeBits))]
        let generation = generation.load(ordering: .acquiring)
        let known = stripe.table.withLock { $0.find(hash, key, attributes, generation: generation) }
        if let known { return known }
        return try make(key, hash, attributes, stripe, labels)
    }

    @inline(never)
    private func make(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, _ attributes: SeriesAttributes, _ stripe: Stripe,
        _ labels: () throws(SeriesRejection) -> Labels
    ) throws(SeriesRejection) -> SeriesPlan {
        misses.add(1, ordering: .relaxed)
        let (generation, rules) = rulesInForce.withLock { $0 }
        let labels = try labels()
        let plan: SeriesPlan
        do {
            plan = try SeriesPlanner(rules: rules, options: options)
                .plan(labels, attributes: attributes, hash: hash, key: key)
        } catch {
            throw SeriesRejection(.idTooLong, "an id that rules make of \(labels) is invalid: \(error)")
        }
        stripe.table.withLock { $0.insert(plan, generation: generation) }
        return plan
    }
}
