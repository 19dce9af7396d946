import TestKit
import Testing
import WireFormat

@Suite struct SnappyTests {
    static var corpus: [[UInt8]] {
        var random = SplitMix64(seed: 11)
        return [
            [], Array("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".utf8), [UInt8](repeating: 0, count: 100_000),
            (0..<5_000).map { _ in UInt8.random(in: 0...255, using: &random) },
        ]
    }

    @Test func blocksComeBack() throws {
        for bytes in Self.corpus {
            let block = Snappy.compress(bytes.span.bytes)
            #expect(try Snappy.decompress(block.span.bytes, limit: bytes.count) == bytes)
        }
        // "Wikipedia" as one literal, by hand.
        let block: [UInt8] = [9, 8 << 2] + Array("Wikipedia".utf8)
        #expect(try Snappy.decompress(block.span.bytes, limit: 9) == Array("Wikipedia".utf8))
    }

    @Test func theDeclaredSizeIsCheckedBeforeAnythingElse() {
        // Declares 4 GiB less one byte in 5 bytes, and has no data.
        let bomb: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0x0f]
        #expect(
            throws: WireError.limitExceeded(
                field: "decompressed bytes", value: 4_294_967_295, limit: WireLimits.maxRemoteWriteBytes)
        ) { try Snappy.decompress(bomb.span.bytes, limit: WireLimits.maxRemoteWriteBytes) }
        let block = Snappy.compress([UInt8](repeating: 0, count: 100).span.bytes)
        #expect(throws: WireError.limitExceeded(field: "decompressed bytes", value: 100, limit: 99)) {
            try Snappy.decompress(block.span.bytes, limit: 99)
        }
    }

    @Test func whatIsNoBlockIsRefused() {
        for block: [UInt8] in [
            [], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [10], [10, 0], [200, 1, 1, 1],
        ] {
            #expect(throws: WireError.malformedSnappy(count: block.count)) {
                try Snappy.decompress(block.span.bytes, limit: 1_000)
            }
        }
    }
}
