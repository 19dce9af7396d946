import Metrics
import Testing

@Suite struct HashTests {
    @Test(
        arguments: [
            ("", 0x0000_0000), ("foo", 0xf6a5_c420), ("bar", 0x450e_998d), ("baz", 0xf168_6cea),
            ("foobar", 0xa4c4_d4bd), ("barbaz", 0x6b25_015e), ("foobarbaz", 0x5628_1fb6),
            ("testCounter", 3_595_468_687),
        ] as [(String, UInt32)])
    func murmurOfKnownIDs(id: String, hash: UInt32) {
        #expect(Murmur3.hash32(Array(id.utf8)) == hash)
    }

    /// The reference implementation's own messages, seeded with their index.
    @Test(
        arguments: zip(
            [
                "", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz",
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                String(repeating: "1234567890", count: 8),
            ].enumerated().map { ($0.offset, $0.element) },
            [
                0x9322_8a4d_e0ee_c5a2, 0xc5ba_c3db_1787_13c4, 0xa97f_2f7b_1d9b_3314, 0x786d_1f1d_f380_1df4,
                0xdca5_a813_8ad3_7c87, 0xb9e7_34f1_17cf_af70, 0x6cc5_eab4_9a92_d617,
            ] as [UInt64]))
    func wyhashOfTheReferenceMessages(message: (Int, String), hash: UInt64) {
        #expect(Wyhash.hash(Array(message.1.utf8), seed: UInt64(message.0)) == hash)
    }

    @Test func wyhashDoesNotDependOnAlignmentAndSeesEveryByte() {
        var generator = SystemRandomNumberGenerator()
        for count in 0...200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let hash = Wyhash.hash(bytes, seed: 7)
            for shift in 1...3 {
                let moved = [UInt8](repeating: 0, count: shift) + bytes
                let other = moved.withUnsafeBytes {
                    Wyhash.hash(UnsafeRawBufferPointer(rebasing: $0[shift...]), seed: 7)
                }
                #expect(other == hash)
            }
            for index in 0..<count {
                var changed = bytes
                changed[index] ^= 1
                #expect(Wyhash.hash(changed, seed: 7) != hash)
            }
            #expect(Wyhash.hash(bytes, seed: 8) != hash)
        }
    }
}
