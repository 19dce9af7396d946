import EtcdProtocol
import SwiftProtobuf

/// A lease as it was granted.
public struct EtcdLease: Sendable, Hashable {
    public var id: Int64
    /// Seconds without a sign of life after which etcd deletes the keys that hang on it; at least what was asked for.
    public var ttlSeconds: Int64
}

extension EtcdClient {
    func grantLease(ttlSeconds: Int64, timeout: Duration? = nil) async throws(GRPCError) -> EtcdLease {
        var request = Etcdserverpb_LeaseGrantRequest()
        request.ttl = ttlSeconds
        let response: Etcdserverpb_LeaseGrantResponse = try await call(.leaseGrant, request, timeout: timeout)
        guard response.error.isEmpty else { throw GRPCError(code: .unknown, message: response.error) }
        return EtcdLease(id: response.id, ttlSeconds: response.ttl)
    }

    /// Gives the lease its full time again; returns that time in seconds, 0 when the lease is gone.
    func keepAlive(lease: Int64, timeout: Duration? = nil) async throws(GRPCError) -> Int64 {
        var request = Etcdserverpb_LeaseKeepAliveRequest()
        request.id = lease
        // One message on a stream of its own: the member answers it and ends.
        let response: Etcdserverpb_LeaseKeepAliveResponse = try await call(.leaseKeepAlive, request, timeout: timeout)
        return max(response.ttl, 0)
    }

    /// Ends the lease and deletes its keys. Nothing happens when it is gone already.
    func revoke(lease: Int64, timeout: Duration? = nil) async throws(GRPCError) {
        var request = Etcdserverpb_LeaseRevokeRequest()
        request.id = lease
        do throws(GRPCError) {
            let _: Etcdserverpb_LeaseRevokeResponse = try await call(.leaseRevoke, request, timeout: timeout)
        } catch {
            if error.code != .notFound { throw error }
        }
    }

    /// The time that the lease was granted for and what is left of it, in seconds; nil when it is gone.
    func timeToLive(lease: Int64) async throws(GRPCError) -> (granted: Int64, left: Int64)? {
        var request = Etcdserverpb_LeaseTimeToLiveRequest()
        request.id = lease
        let response: Etcdserverpb_LeaseTimeToLiveResponse = try await call(.leaseTimeToLive, request)
        return response.ttl > 0 ? (response.grantedTtl, response.ttl) : nil
    }
}
