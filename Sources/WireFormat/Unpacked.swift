import CM3Protocol
import CProtobufC

/// A message that the reference codec has decoded, freed with its last use.
struct Unpacked<Message>: ~Copyable {
    let pointer: UnsafeMutablePointer<Message>
    private let free: (UnsafeMutablePointer<Message>?, UnsafeMutablePointer<ProtobufCAllocator>?) -> Void

    /// - Throws: ``WireError/malformedMessage(_:)``, ``WireError/rangeOutsideInput(offset:count:available:)``
    init(
        _ bytes: RawSpan, _ range: ByteRange, _ name: StaticString,
        _ unpack: (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?) ->
            UnsafeMutablePointer<Message>?,
        _ free: @escaping (UnsafeMutablePointer<Message>?, UnsafeMutablePointer<ProtobufCAllocator>?) -> Void
    ) throws(WireError) {
        guard range.lies(within: bytes.byteCount) else {
            throw .rangeOutsideInput(offset: range.offset, count: range.count, available: bytes.byteCount)
        }
        let decoded = bytes.withUnsafeBytes { buffer in
            unpack(nil, range.count, buffer.baseAddress.map { ($0 + range.offset).assumingMemoryBound(to: UInt8.self) })
        }
        guard let decoded else { throw .malformedMessage(name.description) }
        pointer = decoded
        self.free = free
    }

    /// Decodes a message whose sub-messages may come in several pieces.
    /// - Throws: as ``init(_:_:_:_:_:)``, and other ``WireError``s for malformed bytes.
    init(
        merging bytes: RawSpan, _ range: ByteRange, _ schema: MergeSchema, _ name: StaticString,
        _ unpack: (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?) ->
            UnsafeMutablePointer<Message>?,
        _ free: @escaping (UnsafeMutablePointer<Message>?, UnsafeMutablePointer<ProtobufCAllocator>?) -> Void
    ) throws(WireError) {
        guard try SubmessageMerger.isScattered(bytes, range, schema) else {
            try self.init(bytes, range, name, unpack, free)
            return
        }
        var writer = ByteWriter(capacity: range.count + 16)
        try SubmessageMerger.append(bytes, [range], schema, to: &writer)
        let merged = writer.array()
        try self.init(merged.span.bytes, ByteRange(offset: 0, count: merged.count), name, unpack, free)
    }

    deinit { free(pointer, nil) }
}
