import Metrics
import Testing

@testable import Coordinator

@Suite struct LabelCacheTests {
    private func id(_ number: Int, sorted: Bool = true) throws -> [UInt8] {
        var builder = EncodedTags.Builder()
        let tags = [("a", "\(number)"), ("b", "x")]
        for (name, value) in sorted ? tags : tags.reversed() { try builder.append(name: name.utf8, value: value.utf8) }
        return builder.bytes
    }

    /// Asks for an id's labels; what the batch was given is appended to `added`.
    private func ask(
        _ cache: inout LabelCache, _ id: [UInt8], batch: UInt64, _ added: inout [[UInt8]]
    ) throws -> UInt32 {
        try id.withUnsafeBytes { bytes in
            try cache.index(of: bytes, batch: batch) { labels in
                added.append(Array(labels))
                return UInt32(added.count - 1)
            }
        }
    }

    @Test func aBatchGetsEachLabelsOnce() throws {
        var cache = LabelCache(maxEntries: 100, maxBytes: 1 << 20, seed: 1)
        var added: [[UInt8]] = []
        #expect(try ask(&cache, id(1), batch: 1, &added) == 0)
        #expect(try ask(&cache, id(2, sorted: false), batch: 1, &added) == 1)
        #expect(try ask(&cache, id(1), batch: 1, &added) == 0)
        #expect(try ask(&cache, id(2, sorted: false), batch: 1, &added) == 1)
        #expect(added == [try id(1), try id(2)])
        #expect(try ask(&cache, id(2, sorted: false), batch: 2, &added) == 2)
        #expect(added.last == (try id(2)))
        #expect(cache.count == 2)
    }

    @Test func startsAnewWhenItIsFull() throws {
        for (entries, bytes) in [(100, 1 << 20), (1 << 20, 4000), (1, 1)] {
            var cache = LabelCache(maxEntries: entries, maxBytes: bytes, seed: 7)
            var largest = 0
            for number in 0..<5000 {
                var added: [[UInt8]] = []
                _ = try ask(&cache, id(number, sorted: number % 2 == 0), batch: UInt64(number + 1), &added)
                #expect(added == [try id(number)])
                largest = max(largest, cache.count)
            }
            #expect(largest <= 200)
            #expect(cache.count >= 1)
        }
    }

    @Test func growsWithItsEntries() throws {
        var cache = LabelCache(maxEntries: 1 << 20, maxBytes: 1 << 26, seed: 3)
        for round in 1...2 {
            for number in 0..<20_000 {
                var added: [[UInt8]] = []
                _ = try ask(&cache, id(number), batch: UInt64(round), &added)
                #expect(added.count == 1)
            }
            #expect(cache.count == 20_000)
        }
    }

    @Test(arguments: [[], [1, 2, 3], [0x75, 0x27, 1, 0], [0x75, 0x27, 1, 0, 0, 0, 0, 0]] as [[UInt8]])
    func refusesWhatIsNoID(id: [UInt8]) {
        var cache = LabelCache(maxEntries: 10, maxBytes: 1 << 20, seed: 1)
        var added: [[UInt8]] = []
        #expect(throws: MetricsError.self) { try ask(&cache, id, batch: 1, &added) }
        #expect(added.isEmpty)
        #expect(cache.count == 0)
    }
}
