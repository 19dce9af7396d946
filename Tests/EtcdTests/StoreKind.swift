import Etcd
import Foundation
import KeyValue
import TestKit

/// The stores that must all keep the laws of `StoreLawTests`.
enum StoreKind: CaseIterable, Sendable {
    case embedded
    case etcd

    /// Runs `body` on a fresh, empty store.
    func withStore(_ body: (any KeyValueStore) async throws -> Void) async throws {
        switch self {
        case .embedded:
            let directory = try TemporaryDirectory("kv")
            let store = try EmbeddedStore(directory: directory.url.path)
            try await body(store)
            await store.close()
        case .etcd:
            try await withEtcd { _, store in try await body(store) }
        }
    }
}
