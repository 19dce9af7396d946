import Aggregation
import Aggregator
import Foundation
import Metrics
import TestKit
import Testing

@testable import NodeConfiguration

private let second: Int64 = 1_000_000_000

@Suite struct ShortFormTests {
    @Test func aNodeOfAClusterInAFewLines() throws {
        let lines = try ConfigurationFixture.bytes("short.yml").split(separator: UInt8(ascii: "\n")).count
        #expect(lines < 20)
        let configuration = try ConfigurationFixture.load("short.yml").configuration
        guard case .etcd(let etcd) = configuration.keyValue else {
            Issue.record("no etcd")
            return
        }
        #expect(etcd.cluster(zone: "")?.endpoints == ["etcd-0:2379", "etcd-1:2379", "etcd-2:2379"])
        #expect(etcd.zone == "ams" && etcd.environment == "production" && etcd.service == "m3aggregator")
        #expect(
            configuration.election.service
                == ServiceName(name: "m3aggregator", environment: "production", zone: "ams"))
        #expect(configuration.aggregation.quantiles == .standard)
        #expect(configuration.aggregation.timerTypeString == .empty, "ids are never changed behind the tags")
        #expect(configuration.windows.bufferPastNanos == 15 * second)
        #expect(configuration.windows.forwardingDelay == .constant(20 * second))
        #expect(configuration.windows.timedFlushOffsetEnabled)
        #expect(configuration.flush.checkEveryNanos == second / 5)
        #expect(configuration.aggregatorOptions().jitter.maxNanos(resolutionNanos: 3_600 * second) == second)
        #expect(configuration.aggregatorOptions().jitter.maxNanos(resolutionNanos: second) == second / 2)
        #expect(configuration.metrics.listenAddress == nil)
        #expect(configuration.rawTCP == nil)
        guard case .m3msg(let client) = configuration.forwarding, case .m3msg(let output) = configuration.outputs[0]
        else {
            Issue.record("\(configuration.forwarding)")
            return
        }
        #expect(client.topic == "aggregator_ingest" && client.placementNamespace == "/placement")
        #expect(client.placementIsStaged)
        #expect(output.producer.topic == "aggregated_metrics" && !output.producer.placementIsStaged)
    }

    @Test func everyKey() throws {
        let configuration = try read(
            """
            node:
              listen: {m3msg: "h:1", rawtcp: "h:2", http: "h:3", metrics: "h:4"}
              etcd:
                endpoints: ["https://e:2379"]
                ca: ca.crt
                cert: c.crt
                key: c.key
                username: agg
                password: ${PASSWORD}
                cacheDir: /cache
              environment: prod
              zone: z
              service: agg
              instance: i
              placement: {namespace: /p, key: k}
              topics: {ingest: in, aggregated: out}
              buffers: {past: 1s, future: 2s, forwarding: 5s}
              queueBytes: 5000000
              policies: ["1m:40d"]
              quantiles: m3
              entryTTL: 2h
              onSessionLoss: hold
              log: debug
              tls: {mode: permissive, cert: s.crt, key: s.key, clientCA: s.ca}
            """, environment: ["PASSWORD": "secret"]
        ).configuration
        guard case .etcd(let etcd) = configuration.keyValue, case .m3msg(let client) = configuration.forwarding,
            case .m3msg(let output) = configuration.outputs[0]
        else {
            Issue.record("\(configuration.keyValue)")
            return
        }
        let cluster = try #require(etcd.cluster(zone: "z"))
        #expect(cluster.tls == .init(caFile: "ca.crt", certFile: "c.crt", keyFile: "c.key"))
        #expect(cluster.credentials == .init(user: "agg", password: "secret"))
        #expect(!"\(cluster)".contains("secret"))
        #expect(etcd.cacheDirectory == "/cache" && etcd.service == "agg")
        #expect(configuration.election.service == ServiceName(name: "agg", environment: "prod", zone: "z"))
        #expect(configuration.placement.key == "k" && configuration.placement.scope.namespace == "/p")
        #expect(client.topic == "in" && client.placementNamespace == "/p" && output.producer.topic == "out")
        #expect(client.maxBufferBytes == 5_000_000 && output.producer.maxBufferBytes == 5_000_000)
        #expect(configuration.m3msg?.server.listenAddress == ListenAddress(host: "h", port: 1))
        #expect(configuration.rawTCP?.server.listenAddress.port == 2 && configuration.http.listenAddress.port == 3)
        #expect(configuration.metrics.listenAddress?.port == 4)
        let tls = ServerTLS(
            mode: .permissive, certFile: "s.crt", keyFile: "s.key", clientCAFile: "s.ca", certificatesTTLNanos: 0,
            mutualTLS: true)
        #expect(configuration.m3msg?.server.tls == tls && configuration.rawTCP?.server.tls == tls)
        #expect(configuration.aggregation.quantiles == .m3Default)
        #expect(configuration.onSessionLoss == .hold && configuration.logging.level == .debug)
        #expect(configuration.entries.ttlNanos == 7_200 * second)
        #expect(configuration.identity == InstanceIdentity(source: .value("i"), port: nil))
        #expect(configuration.windows.bufferFutureNanos == 2 * second)
    }

    @Test func aNodeOfItsOwn() throws {
        let configuration = try read("node: {embedded: /data, zone: z}").configuration
        #expect(configuration.keyValue == .embedded(directory: "/data", zone: "z", environment: "default_env"))
        #expect(configuration.identity.source == .hostname(format: ""))
    }

    @Test func oneEndpointNeedsNoList() throws {
        guard case .etcd(let etcd) = try read("node: {etcd: 'e:1'}").configuration.keyValue else {
            Issue.record("no etcd")
            return
        }
        #expect(etcd.clusters.map(\.endpoints) == [["e:1"]])
    }

    /// M3's keys in the same files go before the short ones, and what M3 does not have stands in `m3agg`.
    @Test func keysOfM3GoBeforeShortOnes() throws {
        let loaded = try read(
            """
            node: {etcd: [e:1], entryTTL: 2h, quantiles: m3}
            aggregator: {entryTTL: 3h, stream: {eps: 0.01}}
            m3agg: {counterFractions: keep, cumulativeAdd: perType, bufferScope: shared, maxJitter: 100ms}
            """)
        let configuration = loaded.configuration
        #expect(configuration.entries.ttlNanos == 10_800 * second)
        #expect(configuration.aggregation.quantiles == .m3(eps: 0.01, insertAndCompressEvery: 1_024))
        let options = configuration.aggregatorOptions()
        #expect(options.counterFractions == .keep && options.cumulativeAdd == .perType)
        #expect(options.jitter.maxNanos(resolutionNanos: 10 * second) == second / 10)
        guard case .m3msg(let client) = configuration.forwarding else { return }
        #expect(client.bufferScope == .shared)
    }

    /// Each key of the short form stands in the documentation.
    @Test func everyKeyIsDocumented() throws {
        let url = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/configuration.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        for place in ShortForm.places {
            #expect(text.contains("`\(place.short.joined(separator: "."))`"), "\(place.short)")
        }
        for value in try ConfigurationFixture.load("every-key.yml").values {
            guard case .key(let key) = value.path.last, key != "dc", key != "cluster", key != "replica" else {
                continue
            }
            #expect(text.contains(key), "\(value.field)")
        }
    }
}
