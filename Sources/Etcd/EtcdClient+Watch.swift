import EtcdProtocol
import NIOCore
import SwiftProtobuf

extension EtcdClient {
    /// Responses of one watch that may wait. When the reader can't keep up with so many the watch ends; whoever needs it reads and
    /// starts it again.
    private static let maxWaitingResponses = 256

    /// Follows one etcd watch to its end, which comes with the connection, the member's leader, a compaction or the task's
    /// cancellation. Returns whether it was established.
    func watch(
        _ create: Etcdserverpb_WatchCreateRequest, onResponse: (Etcdserverpb_WatchResponse) -> Void
    ) async throws(GRPCError) -> Bool {
        let stream = try await openStream(.watch, maxWaitingMessages: Self.maxWaitingResponses)
        defer { stream.end(GRPCError(code: .cancelled, message: "the watch is over")) }
        stream.send(try EtcdCall.encode(Etcdserverpb_WatchRequest.with { $0.createRequest = create }))
        let result = await withTaskCancellationHandler { () async -> Result<Bool, GRPCError> in
            do throws(GRPCError) {
                var isEstablished = false
                for try await buffer in stream.responses {
                    let response: Etcdserverpb_WatchResponse = try EtcdCall.decode(buffer)
                    try Self.checkNotCanceled(response)
                    isEstablished = true
                    onResponse(response)
                }
                return .success(isEstablished)
            } catch {
                return .failure(error)
            }
        } onCancel: {
            stream.end(GRPCError(code: .cancelled, message: "the watch was cancelled"))
        }
        return try result.get()
    }

    private static func checkNotCanceled(_ response: Etcdserverpb_WatchResponse) throws(GRPCError) {
        guard response.canceled else { return }
        if response.compactRevision > 0 {
            throw GRPCError(code: .outOfRange, message: "compacted up to revision \(response.compactRevision)")
        }
        let isTokenBad = response.cancelReason.hasSuffix("invalid auth token")
        throw GRPCError(code: isTokenBad ? .unauthenticated : .unavailable, message: response.cancelReason)
    }
}
