import CM3Protocol
import CProtobufC
import Glibc

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

/// Collects what the reference codec encodes.
enum PackBuffer {
    static func pack(_ body: (UnsafeMutablePointer<ProtobufCBuffer>?) -> Int) -> [UInt8] {
        var simple = ProtobufCBufferSimple()
        simple.base.append = protobuf_c_buffer_simple_append
        defer { if let data = simple.data { Glibc.free(data) } }
        _ = withUnsafeMutablePointer(to: &simple) { pointer in
            pointer.withMemoryRebound(to: ProtobufCBuffer.self, capacity: 1) { body($0) }
        }
        return [UInt8](UnsafeBufferPointer(start: simple.data, count: simple.len))
    }
}
