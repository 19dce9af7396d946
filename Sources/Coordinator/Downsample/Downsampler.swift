import Metrics
import Rules
import Storage
import Synchronization
import WireFormat

/// Turns samples into messages for the aggregator, as the rules say. Safe to use from any thread.
///
/// What becomes of a series is worked out once and kept in a cache known by the bytes of its labels as they arrived.
/// Requests of one sender come in over several connections and so on several event loops: there is one cache for all,
/// which many read at a time. Series are asked for by the dozen, so that the lock and the waits for memory are shared.
/// Source: `docs/rules.md`, Downsampling.
public final class Downsampler: Sendable {
    /// How full the cache is and what it did.
    public struct CacheState: Sendable, Equatable {
        public var series = 0
        public var bytes = 0
        public var misses: UInt64 = 0
        public var evictions: UInt64 = 0
    }

    public let options: DownsamplerOptions
    private let cache: PlanCache
    private let seed: UInt64
    private let rulesInForce: Mutex<(generation: UInt64, rules: RuleSet)>
    private let generation: Atomic<UInt64>
    private let misses = Atomic<UInt64>(0)

    public init(rules: RuleSet = .empty, options: DownsamplerOptions = DownsamplerOptions()) {
        self.options = options
        cache = PlanCache(SeriesPlanTable(maxPlans: options.maxCachedSeries, maxBytes: options.maxCachedBytes))
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
        cache.read { table in
            CacheState(
                series: table.count, bytes: table.bytes, misses: misses.load(ordering: .relaxed),
                evictions: table.evictions)
        }
    }

    /// A series that is asked for.
    struct Lookup {
        /// Bytes that are the same each time the series comes, such as its labels as they were sent.
        var key: ByteRange
        var attributes: SeriesAttributes
    }

    /// Hands out the plans that are in the cache, in the order of the look-ups, then the positions of those that are not.
    /// - Parameters:
    ///   - bytes: what the keys lie in.
    ///   - found: must not call this downsampler.
    func plans(
        _ lookups: [Lookup], in bytes: UnsafeRawBufferPointer, found: (Int, SeriesPlan) -> Void,
        missing: (Int) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: lookups.count) { hashes in
            for (position, lookup) in lookups.enumerated() {
                hashes[position] = hash(bytes.part(lookup.key), lookup.attributes)
            }
            let generation = generation.load(ordering: .acquiring)
            var misses = 0
            withUnsafeTemporaryAllocation(of: Int.self, capacity: lookups.count) { missed in
                cache.read { table in
                    cache.fetched.store(table.fetch(UnsafeBufferPointer(hashes)), ordering: .relaxed)
                    for (position, lookup) in lookups.enumerated() {
                        let plan = table.find(
                            hashes[position], bytes.part(lookup.key), lookup.attributes, generation: generation)
                        if let plan {
                            found(position, plan)
                        } else {
                            missed[misses] = position
                            misses &+= 1
                        }
                    }
                }
                for position in missed[..<misses] { missing(position) }
            }
        }
    }

    @inline(__always)
    private func hash(_ key: UnsafeRawBufferPointer, _ attributes: SeriesAttributes) -> UInt64 {
        Wyhash.hash(key, seed: seed ^ attributes.packed)
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
        let hash = hash(key, attributes)
        let generation = generation.load(ordering: .acquiring)
        let known = cache.read { $0.find(hash, key, attributes, generation: generation) }
        if let known { return known }
        return try make(key, hash, attributes, labels)
    }

    @inline(never)
    private func make(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, _ attributes: SeriesAttributes,
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
        cache.write { $0.insert(plan, generation: generation) }
        return plan
    }
}

/// The table of plans and its lock.
private final class PlanCache: @unchecked Sendable {
    private let lock = ReadWriteLock()
    private var table: SeriesPlanTable
    /// Takes the result of fetching, which nobody reads.
    let fetched = Atomic<UInt64>(0)

    init(_ table: SeriesPlanTable) { self.table = table }

    @inline(__always)
    func read<T>(_ body: (borrowing SeriesPlanTable) -> T) -> T { lock.read { body(table) } }

    func write(_ body: (inout SeriesPlanTable) -> Void) { lock.write { body(&table) } }
}
