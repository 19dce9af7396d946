import Testing

@testable import Storage

@Suite struct ChunkTests {
    private typealias Sample = (offset: UInt32, bits: UInt64)

    private func decode(_ chunk: [UInt8]) throws -> [Sample] {
        var samples: [Sample] = []
        if let failure = SealedChunk.decode(chunk, { samples.append(($0, $1)) }) { throw failure }
        return samples
    }

    private func expectRoundTrip(_ samples: [Sample], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let decoded = try decode(SealedChunk.encode(samples))
        #expect(decoded.map(\.offset) == samples.map(\.offset), sourceLocation: sourceLocation)
        #expect(decoded.map(\.bits) == samples.map(\.bits), sourceLocation: sourceLocation)
    }

    @Test func specialValuesKeepEveryBit() throws {
        let special: [UInt64] = [
            0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0000, 0xfff0_0000_0000_0001, 0xffff_ffff_ffff_ffff,
            Double.infinity.bitPattern, (-Double.infinity).bitPattern, (-0.0).bitPattern, 0, 1,
            Double.greatestFiniteMagnitude.bitPattern, (-Double.leastNonzeroMagnitude).bitPattern,
            Double(1 << 53).bitPattern, 0.1.bitPattern, (0.1 + 0.2).bitPattern, (-1e-6).bitPattern,
        ]
        for first in special {
            for second in special {
                try expectRoundTrip([(0, first), (1, second), (2, first), (3, first), (4, second)])
            }
        }
    }

    @Test func irregularTimesSurvive() throws {
        let steps: [UInt32] = [1, 1, 63, 64, 65, 1, 2_047, 2_048, 1, 524_287, 1, 600_000, 3, 3, 3, 7_000_000, 1, 9]
        var offset: UInt32 = 0
        var samples: [Sample] = []
        for (index, step) in steps.enumerated() {
            offset += step
            samples.append((offset, Double(index).bitPattern))
        }
        try expectRoundTrip(samples)
        let last = UInt32(Int32.max)
        try expectRoundTrip([(0, 5), (last, 6)])
        try expectRoundTrip([(0, 5), (1, 5), (last, 6)])
        try expectRoundTrip([(last - 1, 5), (last, 6)])
        try expectRoundTrip([(7, 5)])
    }

    @Test(arguments: 0..<40) func randomMixturesSurvive(_ seed: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let makers: [() -> Double] = [
            { Double(Int.random(in: -1_000...1_000, using: &generator)) },
            { Double(Int.random(in: 0...10_000, using: &generator)) / 100 },
            { Double.random(in: -1...1, using: &generator) },
            { Double(Int.random(in: 0...1_000, using: &generator) << 30) },
            { Double(bitPattern: UInt64.random(in: .min ... .max, using: &generator)) },
            { Double(Float.random(in: 0...100, using: &generator)) },
            { 42 },
        ]
        for maker in makers + [{ makers.randomElement()?() ?? 0 }] {
            var offset = UInt32.random(in: 0...1_000, using: &generator)
            var samples: [Sample] = []
            for _ in 0..<Int.random(in: 1...900, using: &generator) {
                samples.append((offset, maker().bitPattern))
                offset += seed.isMultiple(of: 2) ? 10_000 : UInt32.random(in: 1...20_000, using: &generator)
            }
            try expectRoundTrip(samples)
        }
    }

    /// A third each of integer sums, gauges with two decimals and full-precision floats, 720 samples each.
    @Test func theMixTakesLessThanFourBytesPerSample() throws {
        var generator = SystemRandomNumberGenerator()
        var bytes = 0
        var samples = 0
        for _ in 0..<30 {
            let makers: [() -> Double] = [
                { Double(Int.random(in: 5_000...15_000, using: &generator)) },
                { Double(Int.random(in: 0...10_000, using: &generator)) / 100 },
                { Double.random(in: 0...1_000, using: &generator) },
            ]
            for maker in makers {
                let chunk = SealedChunk.encode((0..<720).map { (UInt32($0) * 10_000, maker().bitPattern) })
                bytes += chunk.count
                samples += 720
            }
        }
        #expect(Double(bytes) / Double(samples) < 4)
    }

    @Test func regularConstantSamplesTakeAQuarterByte() throws {
        let chunk = SealedChunk.encode((0..<720).map { (UInt32($0) * 10_000, 42.0.bitPattern) })
        #expect(chunk.count < 720 / 4 + 30)
    }

    @Test func anyDamageIsNoticed() throws {
        var generator = SystemRandomNumberGenerator()
        let chunk = SealedChunk.encode(
            (0..<100).map { (UInt32($0) * 1_000, Double.random(in: 0...1, using: &generator).bitPattern) })
        for index in chunk.indices {
            var damaged = chunk
            damaged[index] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            #expect(throws: ChunkDecoder.Failure.self) { try decode(damaged) }
        }
        for count in 0..<chunk.count {
            #expect(throws: ChunkDecoder.Failure.self) { try decode(Array(chunk.prefix(count))) }
        }
    }

    @Test func randomBytesNeverTrap() {
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        for _ in 0..<3_000 {
            let bytes = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            bytes.withUnsafeBytes { bytes in
                do {
                    try ChunkDecoder.decode(bytes, count: 2_000) { _, _ in }
                } catch {
                    failures += 1
                }
            }
        }
        #expect(failures == 3_000)
    }

    @Test func slabsAreReusedAfterTheyWereFreed() {
        let slabs = WordSlabs()
        for _ in 0..<50 {
            var encoder = ChunkEncoder()
            for index in 0..<500 {
                encoder.append(offset: UInt32(index) * 7, bits: UInt64(index) &* 0x9E37_79B9_7F4A_7C15, slabs: slabs)
            }
            slabs.free(head: encoder.head, count: Int(encoder.wordCount))
            #expect(slabs.slabsInUse == 0)
        }
    }
}
