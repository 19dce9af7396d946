import Testing

@testable import MessageQueue

/// The filter as a reference, for expectations.
private final class Filter {
    private var filter: RedeliveryFilter

    init(options: RedeliveryFilter.Options = .init()) { filter = RedeliveryFilter(options: options) }

    func isApplied(epoch: UInt64, shard: UInt64, id: UInt64, now: Int64) -> Bool {
        filter.isApplied(epoch: epoch, shard: shard, id: id, now: now)
    }

    func markApplied(epoch: UInt64, shard: UInt64, id: UInt64, now: Int64) {
        filter.markApplied(epoch: epoch, shard: shard, id: id, now: now)
    }

    func expire(now: Int64) { filter.expire(now: now) }

    var duplicates: UInt64 { filter.duplicates }
    var overflows: UInt64 { filter.overflows }
    var epochCount: Int { filter.epochCount }
    var queueCount: Int { filter.queueCount }
    var entryCount: Int { filter.entryCount }
}

@Suite struct RedeliveryFilterTests {
    struct Key: Hashable {
        var epoch: UInt64
        var shard: UInt64
        var id: UInt64
    }

    /// What of the ids was applied, against a set, while messages come in order, late, twice, and with gaps.
    @Test(arguments: 0..<40) func agreesWithASet(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let filter = Filter()
        var naive: Set<Key> = []
        var next: [Key: UInt64] = [:]
        var late: [Key] = []
        let lossPercent = UInt64(seed % 4) * 15
        for step in 0..<20_000 {
            let queue = Key(epoch: random.next() % 3 + 1, shard: random.next() % 4 * 1_000_000_007, id: 0)
            var key = queue
            switch random.next() % 100 {
            case 0..<10 where !late.isEmpty: key = late.remove(at: Int(random.next() % UInt64(late.count)))
            case 10..<15: key.id = random.next() % ((next[queue] ?? 0) + 2)
            default:
                next[queue, default: 0] += seed % 5 == 0 && random.next() % 200 == 0 ? random.next() % 5_000 + 1 : 1
                key.id = next[queue] ?? 0
                if random.next() % 100 < lossPercent {
                    if random.next() % 2 == 0 { late.append(key) }
                    continue
                }
            }
            guard key.id > 0 else { continue }
            let seen = filter.isApplied(epoch: key.epoch, shard: key.shard, id: key.id, now: Int64(step))
            if seen != naive.contains(key) {
                Issue.record("step \(step): \(key) is reported as \(seen)")
                return
            }
            if !seen {
                filter.markApplied(epoch: key.epoch, shard: key.shard, id: key.id, now: Int64(step))
                naive.insert(key)
            }
        }
        for (queue, last) in next {
            for id in 1...last + 600 {
                let key = Key(epoch: queue.epoch, shard: queue.shard, id: id)
                let seen = filter.isApplied(epoch: key.epoch, shard: key.shard, id: id, now: 0)
                if seen != naive.contains(key) {
                    Issue.record("\(key) is reported as \(seen)")
                    return
                }
            }
        }
        #expect(filter.overflows == 0)
    }

    @Test func tellsQueuesAndEpochsApart() {
        let filter = Filter()
        filter.markApplied(epoch: 1, shard: 5, id: 1, now: 0)
        #expect(filter.isApplied(epoch: 1, shard: 5, id: 1, now: 0))
        #expect(!filter.isApplied(epoch: 2, shard: 5, id: 1, now: 0))
        #expect(!filter.isApplied(epoch: 1, shard: 69, id: 1, now: 0))
        #expect(!filter.isApplied(epoch: 1, shard: 5, id: 2, now: 0))
        #expect(filter.duplicates == 1)
    }

    @Test func neverFiltersProducersWithoutAnEpoch() {
        let filter = Filter()
        filter.markApplied(epoch: 0, shard: 5, id: 1, now: 0)
        #expect(!filter.isApplied(epoch: 0, shard: 5, id: 1, now: 0))
        #expect(filter.queueCount == 0)
    }

    @Test func aStreamInOrderTakesNoBitmap() {
        let filter = Filter()
        for id in 1...100_000 as ClosedRange<UInt64> { filter.markApplied(epoch: 1, shard: 0, id: id, now: 0) }
        #expect(filter.entryCount == 0)
        #expect(filter.isApplied(epoch: 1, shard: 0, id: 100_000, now: 0))
        #expect(!filter.isApplied(epoch: 1, shard: 0, id: 100_001, now: 0))
    }

    @Test func aPermanentGapCostsAFixedNumberOfEntries() {
        let filter = Filter()
        for id in 1...200_000 as ClosedRange<UInt64> where id != 700 {
            filter.markApplied(epoch: 1, shard: 0, id: id, now: 0)
        }
        #expect(filter.entryCount <= 3)
        #expect(!filter.isApplied(epoch: 1, shard: 0, id: 700, now: 0))
        #expect(filter.isApplied(epoch: 1, shard: 0, id: 701, now: 0))
        filter.markApplied(epoch: 1, shard: 0, id: 700, now: 0)
        #expect(filter.entryCount <= 1)
        #expect(filter.isApplied(epoch: 1, shard: 0, id: 700, now: 0))
    }

    @Test(arguments: [510, 511, 512, 513, 1_023, 1_024] as [UInt64])
    func aGapAtTheEdgeOfAChunkIsFilledLate(gap: UInt64) {
        let filter = Filter()
        for id in (1...2_000 as ClosedRange<UInt64>) where id != gap && id != 5 {
            filter.markApplied(epoch: 1, shard: 0, id: id, now: 0)
        }
        for id in [5, gap] as [UInt64] {
            #expect(!filter.isApplied(epoch: 1, shard: 0, id: id, now: 0))
            filter.markApplied(epoch: 1, shard: 0, id: id, now: 0)
            #expect(filter.isApplied(epoch: 1, shard: 0, id: id, now: 0))
        }
        #expect(filter.entryCount == 0, "everything up to the low-water mark needs no bitmap")
        #expect(!filter.isApplied(epoch: 1, shard: 0, id: 2_001, now: 0))
    }

    @Test func aConsumerThatStartsInTheMiddleKnowsNothingOfTheIdsBefore() {
        let filter = Filter()
        for id in 5_000_000...5_100_000 as ClosedRange<UInt64> {
            filter.markApplied(epoch: 1, shard: 0, id: id, now: 0)
        }
        #expect(filter.entryCount <= 3)
        #expect(!filter.isApplied(epoch: 1, shard: 0, id: 4_999_999, now: 0))
        #expect(filter.isApplied(epoch: 1, shard: 0, id: 5_050_000, now: 0))
    }

    @Test func forgetsTheOldestBeyondItsLimitAndNeverInventsAnId() {
        var options = RedeliveryFilter.Options()
        options.maxEntriesPerQueue = 4
        let filter = Filter(options: options)
        var applied: Set<UInt64> = []
        for id in stride(from: 2, to: 20_000, by: 2) as StrideTo<UInt64> {
            filter.markApplied(epoch: 1, shard: 0, id: id, now: 0)
            applied.insert(id)
        }
        #expect(filter.entryCount <= 4)
        #expect(filter.overflows > 0)
        for id in 1...20_500 as ClosedRange<UInt64> where filter.isApplied(epoch: 1, shard: 0, id: id, now: 0) {
            #expect(applied.contains(id))
        }
        #expect(filter.isApplied(epoch: 1, shard: 0, id: 19_998, now: 0))
        #expect(!filter.isApplied(epoch: 1, shard: 0, id: 2, now: 0), "forgotten means not applied")
    }

    @Test func holdsTheLimitsOnQueuesAndEntriesInAll() {
        var options = RedeliveryFilter.Options()
        options.maxQueues = 10
        options.maxEntries = 20
        let filter = Filter(options: options)
        for shard in 0..<50 as Range<UInt64> {
            for id in stride(from: 1_000, to: 60_000, by: 1_024) as StrideTo<UInt64> {
                filter.markApplied(epoch: 1, shard: shard, id: id, now: 0)
            }
        }
        #expect(filter.queueCount == 10)
        #expect(filter.entryCount <= 20)
        #expect(filter.overflows > 0)
        #expect(!filter.isApplied(epoch: 1, shard: 40, id: 1_000, now: 0))
    }

    @Test func forgetsIdleEpochs() {
        var options = RedeliveryFilter.Options()
        options.idleLifetimeNanos = 100
        let filter = Filter(options: options)
        filter.markApplied(epoch: 1, shard: 0, id: 1, now: 0)
        filter.markApplied(epoch: 2, shard: 0, id: 5, now: 50)
        filter.expire(now: 120)
        #expect(filter.epochCount == 1)
        #expect(!filter.isApplied(epoch: 1, shard: 0, id: 1, now: 120))
        #expect(filter.isApplied(epoch: 2, shard: 0, id: 5, now: 120))
        filter.expire(now: 220)
        #expect(filter.epochCount == 1, "a look-up keeps an epoch alive")
        filter.expire(now: 221)
        #expect(filter.epochCount == 0)
        #expect(filter.queueCount == 0)
        #expect(filter.entryCount == 0)
    }

    @Test func takesTheLargestNumbers() {
        let filter = Filter()
        for id in [.max, .max - 1, 1] as [UInt64] {
            filter.markApplied(epoch: .max, shard: .max, id: id, now: .max)
            #expect(filter.isApplied(epoch: .max, shard: .max, id: id, now: .max))
        }
        #expect(!filter.isApplied(epoch: .max, shard: .max, id: .max - 2, now: .max))
        filter.expire(now: .min)
        #expect(filter.epochCount == 1)
    }
}
