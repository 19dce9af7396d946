import Foundation
import KeyValue
import TestKit

/// Runs `body` on a fresh, empty store.
func withStore(_ body: (any KeyValueStore) async throws -> Void) async throws {
    let directory = try TemporaryDirectory("cluster")
    let store = try EmbeddedStore(directory: directory.url.path)
    try await body(store)
    await store.close()
}
