import Cluster
import Etcd
import KeyValue
import Logging
import NIOCore
import NIOPosix
import Telemetry
import TestKit
import Testing

@testable import Transport

/// A real etcd that only takes TLS.
@Suite struct TLSEtcdTests {
    private func store(_ endpoint: String, _ client: TLSClientOptions, _ registry: Registry) throws -> EtcdStore {
        let context = try TLSClientContext(client, logger: silent)
        let options = EtcdOptions(endpoints: [try EtcdOptions.parse(endpoint: endpoint).endpoint]) {
            channel, endpoint in
            channel.eventLoop.makeCompletedFuture { try context.configure(channel, host: endpoint.host) }
        }
        return EtcdStore(
            options: options, group: MultiThreadedEventLoopGroup.singleton, registry: registry, logger: silent)
    }

    @Test(.timeLimit(.minutes(5)), arguments: [false, true])
    func tenThousandCallsGoOverOneConnection(isMutual: Bool) async throws {
        let certificates = try await TestCertificates()
        let pair = try await certificates.issue("server")
        let etcd = try await EtcdCluster(
            tls: .init(
                certificateFile: pair.certificate, keyFile: pair.key,
                clientCAFile: isMutual ? certificates.authority.certificate : nil))
        let registry = Registry()
        let client = isMutual ? try await certificates.issue("client") : nil
        let store = try store(etcd.endpoints[0], certificates.client(client, alpn: ["h2"]), registry)
        for key in stride(from: 0, to: 50, by: 5) { _ = try await store.set("key-\(key)", [0]) }
        for _ in 0..<200 {
            try await withThrowingTaskGroup(of: Void.self) { calls in
                for call in 0..<50 {
                    calls.addTask {
                        if call % 5 == 0 {
                            _ = try await store.set("key-\(call)", [UInt8](repeating: 1, count: 1_000))
                        } else {
                            _ = try await store.get("key-\(call - call % 5)")
                        }
                    }
                }
                try await calls.waitForAll()
            }
        }
        #expect(registry.counter("m3agg_etcd_connects_total", help: "").value == 1)
        #expect(registry.counter("m3agg_etcd_connect_failures_total", help: "").value == 0)
        await store.close()
        await etcd.stopAll()
    }

    @Test func refusalsAreNamed() async throws {
        let certificates = try await TestCertificates()
        let others = try await TestCertificates()
        let pair = try await certificates.issue("server")
        let etcd = try await EtcdCluster(
            tls: .init(certificateFile: pair.certificate, keyFile: pair.key, clientCAFile: nil))
        for (client, reason) in [
            (others.client(alpn: ["h2"]), "certificate was rejected"),
            (certificates.client(serverName: "other.test", alpn: ["h2"]), "hostname mismatch"),
            (certificates.client(alpn: ["spdy"]), "handshake failed"),
        ] {
            let store = try store(etcd.endpoints[0], client, Registry())
            do {
                _ = try await store.get("key")
                Issue.record("a call went through: \(reason)")
            } catch {
                #expect("\(error)".contains(reason))
            }
            await store.close()
        }
        await etcd.stopAll()
    }
}
