/// The keys of the database. Numbers are big-endian, so that the order of keys is the order of numbers and a block's
/// keys stand together. Source: `docs/storage.md`, Families and keys.
enum Keys {
    static let format: [UInt8] = Array("format".utf8)
    static let generation: [UInt8] = Array("generation".utf8)
    static let namespacePrefix: [UInt8] = Array("namespace/".utf8)

    static func namespace(_ id: UInt16) -> [UInt8] {
        namespacePrefix + [UInt8(id >> 8), UInt8(truncatingIfNeeded: id)]
    }

    static func series(_ id: UInt32) -> [UInt8] {
        var key: [UInt8] = []
        append(id, to: &key)
        return key
    }

    /// Namespace (2 bytes) and start of the block (8): the key of `blocks`, and what keys of a block start with.
    static func block(_ block: BlockID) -> [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(18)
        append(block.namespace, to: &key)
        // The sign bit is turned so that times before 1970 come first.
        append(UInt64(bitPattern: block.startMs) ^ (1 << 63), to: &key)
        return key
    }

    /// The first key behind all keys of a block.
    static func afterBlock(_ block: BlockID) -> [UInt8] {
        self.block(BlockID(namespace: block.namespace, startMs: block.startMs &+ 1))
    }

    static func open(_ block: BlockID, sequence: UInt64) -> [UInt8] {
        var key = self.block(block)
        append(sequence, to: &key)
        return key
    }

    /// Chunks of a series with a higher generation were written later and win.
    static func chunk(_ block: BlockID, series: UInt32, generation: UInt32) -> [UInt8] {
        var key = self.block(block)
        append(series, to: &key)
        append(generation, to: &key)
        return key
    }

    static let blockBytes = 10
    static let openBytes = 18
    static let chunkBytes = 18

    static func readBlock(_ key: UnsafeRawBufferPointer) -> BlockID? {
        guard key.count >= blockBytes else { return nil }
        let namespace = UInt16(bigEndian: key.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
        let start = UInt64(bigEndian: key.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
        return BlockID(namespace: namespace, startMs: Int64(bitPattern: start ^ (1 << 63)))
    }

    static func readOpen(_ key: UnsafeRawBufferPointer) -> (block: BlockID, sequence: UInt64)? {
        guard key.count == openBytes, let block = readBlock(key) else { return nil }
        return (block, UInt64(bigEndian: key.loadUnaligned(fromByteOffset: blockBytes, as: UInt64.self)))
    }

    static func readChunk(_ key: UnsafeRawBufferPointer) -> (block: BlockID, series: UInt32, generation: UInt32)? {
        guard key.count == chunkBytes, let block = readBlock(key) else { return nil }
        let series = UInt32(bigEndian: key.loadUnaligned(fromByteOffset: blockBytes, as: UInt32.self))
        let generation = UInt32(bigEndian: key.loadUnaligned(fromByteOffset: blockBytes + 4, as: UInt32.self))
        return (block, series, generation)
    }

    private static func append(_ value: some FixedWidthInteger, to key: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { key.append(contentsOf: $0) }
    }
}

/// One block of one namespace.
struct BlockID: Hashable, Sendable, Comparable {
    var namespace: UInt16
    var startMs: Int64

    static func < (a: BlockID, b: BlockID) -> Bool {
        (a.namespace, a.startMs) < (b.namespace, b.startMs)
    }
}
