import NIOCore
import SwiftProtobuf

/// A method of etcd's interface, and how a call of it goes over the wire.
struct EtcdCall {
    var path: String
    /// Whether the same request may be sent twice without harm.
    var isRepeatable: Bool

    static let range = EtcdCall(path: "/etcdserverpb.KV/Range", isRepeatable: true)
    static let put = EtcdCall(path: "/etcdserverpb.KV/Put", isRepeatable: false)
    static let deleteRange = EtcdCall(path: "/etcdserverpb.KV/DeleteRange", isRepeatable: false)
    static let transaction = EtcdCall(path: "/etcdserverpb.KV/Txn", isRepeatable: false)
    static let compact = EtcdCall(path: "/etcdserverpb.KV/Compact", isRepeatable: false)
    static let watch = EtcdCall(path: "/etcdserverpb.Watch/Watch", isRepeatable: true)
    static let leaseGrant = EtcdCall(path: "/etcdserverpb.Lease/LeaseGrant", isRepeatable: false)
    static let leaseRevoke = EtcdCall(path: "/etcdserverpb.Lease/LeaseRevoke", isRepeatable: true)
    static let leaseKeepAlive = EtcdCall(path: "/etcdserverpb.Lease/LeaseKeepAlive", isRepeatable: true)
    static let leaseTimeToLive = EtcdCall(path: "/etcdserverpb.Lease/LeaseTimeToLive", isRepeatable: true)
    static let authenticate = EtcdCall(path: "/etcdserverpb.Auth/Authenticate", isRepeatable: true)
    static let status = EtcdCall(path: "/etcdserverpb.Maintenance/Status", isRepeatable: true)

    func unary<Response: Message>(
        _ request: some Message, over connection: GRPCConnection, timeout: Duration
    ) async throws(GRPCError) -> Response {
        let bytes = try Self.encode(request)
        let response = try await connection.unary(path, bytes, timeout: timeout)
        return try Self.decode(response)
    }

    static func encode(_ message: some Message) throws(GRPCError) -> [UInt8] {
        do {
            return try message.serializedBytes()
        } catch {
            throw GRPCError(code: .internal, message: "can't encode the request: \(error)", wasSent: false)
        }
    }

    static func decode<Response: Message>(_ buffer: ByteBuffer) throws(GRPCError) -> Response {
        do {
            return try Response(serializedBytes: Array(buffer.readableBytesView))
        } catch {
            throw GRPCError(code: .internal, message: "can't decode the response: \(error)")
        }
    }
}
