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

    deinit { free(pointer, nil) }
}

extension UnsafeMutablePointer {
    /// The message as the reference codec encodes it.
    /// - Precondition: the pointee is a message of the reference codec, all of which begin with a `ProtobufCMessage`.
    func packed() -> [UInt8] {
        let message = UnsafeRawPointer(self).assumingMemoryBound(to: ProtobufCMessage.self)
        let size = protobuf_c_message_get_packed_size(message)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = buffer.baseAddress.map { protobuf_c_message_pack(message, $0) } ?? 0
        }
    }
}
