import Cluster
import Foundation
import KeyValue
import Logging
import NIOPosix
import Telemetry
import TestKit

@testable import Etcd

/// Runs `body` on a fresh cluster of etcd and a store in it.
func withEtcd(
    members: Int = 1, rereadInterval: Duration = EtcdStore.defaultRereadInterval,
    _ body: (EtcdCluster, EtcdStore) async throws -> Void
) async throws {
    let cluster = try await EtcdCluster(members: members)
    let store = try makeStore(cluster.endpoints, rereadInterval: rereadInterval)
    do {
        try await body(cluster, store)
    } catch {
        await store.close()
        await cluster.stopAll()
        throw error
    }
    await store.close()
    await cluster.stopAll()
}

func makeStore(
    _ endpoints: [String], credentials: EtcdOptions.Credentials? = nil, registry: Registry = Registry(),
    rereadInterval: Duration = EtcdStore.defaultRereadInterval, _ adjust: (inout EtcdOptions) -> Void = { _ in }
) throws -> EtcdStore {
    var options = EtcdOptions(
        endpoints: try endpoints.map { try EtcdOptions.parse(endpoint: $0).endpoint }, credentials: credentials)
    adjust(&options)
    var logger = Logger(label: "etcd-tests")
    logger.logLevel = .critical
    return EtcdStore(
        options: options, group: MultiThreadedEventLoopGroup.singleton, registry: registry, logger: logger,
        rereadInterval: rereadInterval)
}

/// The next element that satisfies the condition; nil when the sequence ends or the deadline passes before.
func next<Element: Sendable>(
    of stream: AsyncStream<Element>, within deadline: Duration = .seconds(30),
    where isWanted: @escaping @Sendable (Element) -> Bool
) async -> Element? {
    await withTaskGroup(of: Element?.self) { group in
        group.addTask {
            for await element in stream where isWanted(element) { return element }
            return nil
        }
        group.addTask {
            try? await Task.sleep(for: deadline)
            return nil
        }
        defer { group.cancelAll() }
        return await group.next() ?? nil
    }
}

/// Waits until the condition holds; errors that it throws count as "not yet".
func eventually(
    _ what: String, deadline: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    _ = try await poll(what, deadline: deadline) { try await condition() ? true : nil }
}
