import EtcdProtocol
import FoundationEssentials
import KeyValue
import SwiftProtobuf

/// What a read of one key found, with the store's revision at that moment.
struct EtcdRead: Equatable {
    var value: VersionedValue?
    /// The state of the key is known up to and including this revision.
    var revision: Int64
}

/// A member's key as it stands in an election.
struct EtcdCandidate: Equatable {
    var key: String
    var value: [UInt8]
    var createRevision: Int64
    var lease: Int64
}

extension EtcdClient {
    /// Linearizable: reflects every write that ended before the call.
    func read(_ key: String, timeout: Duration? = nil) async throws(GRPCError) -> EtcdRead {
        var request = Etcdserverpb_RangeRequest()
        request.key = Data(key.utf8)
        let response: Etcdserverpb_RangeResponse = try await call(.range, request, timeout: timeout)
        return EtcdRead(value: response.kvs.first.map(VersionedValue.init), revision: response.header.revision)
    }

    /// The keys that start with `prefix`, the one created first in front.
    func candidates(
        prefix: String, limit: Int64 = 0, timeout: Duration? = nil
    ) async throws(GRPCError) -> (candidates: [EtcdCandidate], revision: Int64) {
        var request = Etcdserverpb_RangeRequest()
        request.key = Data(prefix.utf8)
        request.rangeEnd = Self.end(ofPrefix: prefix)
        request.sortTarget = .create
        request.sortOrder = .ascend
        request.limit = limit
        let response: Etcdserverpb_RangeResponse = try await call(.range, request, timeout: timeout)
        let found = response.kvs.map {
            EtcdCandidate(
                key: String(decoding: $0.key, as: UTF8.self), value: [UInt8]($0.value),
                createRevision: $0.createRevision, lease: $0.lease)
        }
        return (found, response.header.revision)
    }

    /// Puts when all comparisons hold. The key's state before, or nil when a comparison failed.
    func put(
        _ key: String, _ value: [UInt8], lease: Int64 = 0, if comparisons: [Etcdserverpb_Compare],
        timeout: Duration? = nil
    ) async throws(GRPCError) -> (succeeded: Bool, response: Etcdserverpb_TxnResponse) {
        var put = Etcdserverpb_PutRequest()
        put.key = Data(key.utf8)
        put.value = Data(value)
        put.lease = lease
        put.prevKv = true
        var get = Etcdserverpb_RangeRequest()
        get.key = put.key
        var request = Etcdserverpb_TxnRequest()
        request.compare = comparisons
        request.success = [.with { $0.requestPut = put }]
        request.failure = [.with { $0.requestRange = get }]
        let response: Etcdserverpb_TxnResponse = try await call(.transaction, request, timeout: timeout)
        return (response.succeeded, response)
    }

    /// Deletes the key if it still is the one created at this revision; tells whether it was.
    func delete(_ key: String, createRevision: Int64, timeout: Duration? = nil) async throws(GRPCError) -> Bool {
        var delete = Etcdserverpb_DeleteRangeRequest()
        delete.key = Data(key.utf8)
        var request = Etcdserverpb_TxnRequest()
        request.compare = [.created(key, at: createRevision)]
        request.success = [.with { $0.requestDeleteRange = delete }]
        let response: Etcdserverpb_TxnResponse = try await call(.transaction, request, timeout: timeout)
        return response.succeeded
    }

    /// Forgets all history before `revision`; for tests and maintenance.
    func compact(before revision: Int64) async throws(GRPCError) {
        var request = Etcdserverpb_CompactionRequest()
        request.revision = revision
        request.physical = true
        let _: Etcdserverpb_CompactionResponse = try await call(.compact, request)
    }

    /// The key behind all that start with `prefix`.
    static func end(ofPrefix prefix: String) -> Data {
        var bytes = Array(prefix.utf8)
        while let last = bytes.popLast() {
            if last < 0xFF { return Data(bytes + [last + 1]) }
        }
        return Data([0])
    }
}

extension Etcdserverpb_Compare {
    static func version(_ key: String, is version: Int64) -> Self {
        .with {
            $0.key = Data(key.utf8)
            $0.result = .equal
            $0.target = .version
            $0.version = version
        }
    }

    /// Revision 0: the key is absent.
    static func created(_ key: String, at revision: Int64) -> Self {
        .with {
            $0.key = Data(key.utf8)
            $0.result = .equal
            $0.target = .create
            $0.createRevision = revision
        }
    }
}

extension VersionedValue {
    init(_ keyValue: Mvccpb_KeyValue) {
        self.init(bytes: [UInt8](keyValue.value), version: keyValue.version, revision: keyValue.modRevision)
    }
}
