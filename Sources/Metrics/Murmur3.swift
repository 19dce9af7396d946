/// MurmurHash3 x86 32-bit (Austin Appleby, public domain reference), the hash that spreads ids over shards.
public enum Murmur3 {
    /// - Parameter seed: M3 uses 0 for shards.
    @inlinable public static func hash32(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        let c1: UInt32 = 0xcc9e_2d51
        let c2: UInt32 = 0x1b87_3593
        var h = seed
        let count = bytes.count
        var i = 0
        while i &+ 4 <= count {
            var k = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self))
            k = k &* c1
            k = (k << 15) | (k >> 17)
            k = k &* c2
            h ^= k
            h = (h << 13) | (h >> 19)
            h = h &* 5 &+ 0xe654_6b64
            i &+= 4
        }
        var k: UInt32 = 0
        let tail = count &- i
        if tail >= 3 { k ^= UInt32(bytes[i &+ 2]) << 16 }
        if tail >= 2 { k ^= UInt32(bytes[i &+ 1]) << 8 }
        if tail >= 1 {
            k ^= UInt32(bytes[i])
            k = k &* c1
            k = (k << 15) | (k >> 17)
            k = k &* c2
            h ^= k
        }
        h ^= UInt32(truncatingIfNeeded: count)
        h ^= h >> 16
        h = h &* 0x85eb_ca6b
        h ^= h >> 13
        h = h &* 0xc2b2_ae35
        h ^= h >> 16
        return h
    }

    @inlinable public static func hash32(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { hash32($0, seed: seed) }
    }

    /// The shard of an id: its hash modulo the number of shards (more than 0).
    @inlinable public static func shard(of id: UnsafeRawBufferPointer, numShards: UInt32) -> UInt32 {
        hash32(id) % numShards
    }
}
