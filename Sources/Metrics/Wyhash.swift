/// The 64-bit wyhash, final version 4 (Wang Yi, public domain): the hash of our own tables, never of the wire.
///
/// Not proof against chosen keys unless the seed is secret: tables over ids from outside take a random seed.
public enum Wyhash {
    @usableFromInline static let secret0: UInt64 = 0x2d35_8dcc_aa6c_78a5
    @usableFromInline static let secret1: UInt64 = 0x8bb8_4b93_962e_acc9
    @usableFromInline static let secret2: UInt64 = 0x4b33_a62e_d433_d4a3
    @usableFromInline static let secret3: UInt64 = 0x4d5a_2da5_1de1_aa47

    /// The hash of some bytes; any length, no alignment needed.
    @inlinable public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        let count = bytes.count
        var seed = seed ^ mix(seed ^ secret0, secret1)
        var a: UInt64 = 0
        var b: UInt64 = 0
        if let start = bytes.baseAddress {
            if count <= 16 {
                if count >= 4 {
                    let middle = (count >> 3) << 2
                    a = word32(start) << 32 | word32(start + middle)
                    b = word32(start + (count &- 4)) << 32 | word32(start + (count &- 4 &- middle))
                } else if count > 0 {
                    a = UInt64(byte(start)) << 16 | UInt64(byte(start + (count >> 1))) << 8
                    a |= UInt64(byte(start + (count &- 1)))
                }
            } else {
                var p = start
                var rest = count
                if rest >= 48 {
                    var seed1 = seed
                    var seed2 = seed
                    repeat {
                        seed = mix(word64(p) ^ secret1, word64(p + 8) ^ seed)
                        seed1 = mix(word64(p + 16) ^ secret2, word64(p + 24) ^ seed1)
                        seed2 = mix(word64(p + 32) ^ secret3, word64(p + 40) ^ seed2)
                        p += 48
                        rest &-= 48
                    } while rest >= 48
                    seed ^= seed1 ^ seed2
                }
                while rest > 16 {
                    seed = mix(word64(p) ^ secret1, word64(p + 8) ^ seed)
                    p += 16
                    rest &-= 16
                }
                // More than 16 bytes came in, so these 16 never start before the first one.
                a = word64(p + (rest &- 16))
                b = word64(p + (rest &- 8))
            }
        }
        let product = (a ^ secret1).multipliedFullWidth(by: b ^ seed)
        return mix(product.low ^ secret0 ^ UInt64(truncatingIfNeeded: count), product.high ^ secret1)
    }

    @inlinable public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        bytes.withUnsafeBytes { hash($0, seed: seed) }
    }

    @inlinable @inline(__always) static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.low ^ product.high
    }

    @inlinable @inline(__always) static func word64(_ p: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: p.loadUnaligned(as: UInt64.self))
    }

    @inlinable @inline(__always) static func word32(_ p: UnsafeRawPointer) -> UInt64 {
        UInt64(UInt32(littleEndian: p.loadUnaligned(as: UInt32.self)))
    }

    @inlinable @inline(__always) static func byte(_ p: UnsafeRawPointer) -> UInt8 {
        p.load(as: UInt8.self)
    }
}
