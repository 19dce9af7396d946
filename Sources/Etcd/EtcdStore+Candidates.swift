import Cluster
import KeyValue

extension EtcdStore {
    /// Who leads an election now, by a linearizable read; nil when there is no candidate.
    /// - Parameter prefix: `ControlKeys.election(…)`.
    public func leadingCandidate(prefix: String) async throws(KeyValueError) -> ElectionCandidate? {
        do throws(GRPCError) {
            let (candidates, _) = try await client.candidates(prefix: prefix + "/", limit: 1)
            return candidates.first.map {
                ElectionCandidate(
                    key: $0.key, value: String(decoding: $0.value, as: UTF8.self), createRevision: $0.createRevision)
            }
        } catch {
            throw error.keyValueError
        }
    }
}
