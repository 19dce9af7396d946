import Aggregation
import Aggregator
import Foundation
import Metrics
import TestKit
import Testing

@testable import NodeConfiguration

private let second: Int64 = 1_000_000_000

/// Every key that M3's aggregator knows, with a value that is not its default.
@Suite struct EveryKeyTests {
    private func load() throws -> LoadedAggregatorConfiguration { try ConfigurationFixture.load("every-key.yml") }

    @Test func servers() throws {
        let configuration = try load().configuration
        let m3msg = try #require(configuration.m3msg)
        #expect(
            m3msg.server.retry
                == RetryPolicy(
                    initialBackoffNanos: 2 * second, backoffFactor: 1.5, maxBackoffNanos: 9 * second, maxRetries: 7,
                    jitter: false))
        #expect(m3msg.server.tls.mode == .permissive && m3msg.server.tls.mutualTLS)
        #expect(m3msg.server.tls.certificatesTTLNanos == 300 * second)
        #expect(m3msg.server.keepAlivePeriodNanos == 20 * second)
        #expect(m3msg.ackFlushIntervalNanos == second / 10 && m3msg.ackBufferSize == 1_000)
        #expect(m3msg.connectionWriteBufferBytes == 20_000 && m3msg.connectionReadBufferBytes == 30_000)
        #expect(m3msg.maxMessageBytes == 2_000_000 && m3msg.maxAckMessageBytes == 1_000_000)
        let rawTCP = try #require(configuration.rawTCP)
        #expect(rawTCP.server.listenAddress == ListenAddress(host: "::", port: 6_200))
        #expect(rawTCP.server.keepAlivePeriodNanos == nil)
        #expect(rawTCP.errorLogLimitPerSecond == 10)
        #expect(configuration.http.readTimeoutNanos == 90 * second)
        #expect(configuration.http.writeTimeoutNanos == 1_500_000_000)
        #expect(configuration.logging.level == .warning && configuration.logging.file == "/var/log/m3agg.log")
        #expect(configuration.logging.fields == ["cluster": "blue", "replica": "2"])
        #expect(configuration.metrics.commonTags == ["dc": "ams"] && configuration.metrics.path == "/m")
    }

    @Test func cluster() throws {
        let configuration = try load().configuration
        guard case .etcd(let etcd) = configuration.keyValue else {
            Issue.record("no etcd")
            return
        }
        #expect(etcd.clusters[0].endpoints == ["https://etcd-1:2379", "etcd-2:2379"])
        #expect(etcd.clusters[0].tls == .init(caFile: "/tls/ca.crt", certFile: "/tls/c.crt", keyFile: "/tls/c.key"))
        #expect(etcd.clusters[0].autoSyncIntervalNanos == -second && etcd.clusters[0].dialTimeoutNanos == 8 * second)
        #expect(etcd.clusters[0].keepAlive.jitterNanos == 2 * second)
        #expect(etcd.watchWithRevision == 5 && etcd.fastGets && etcd.retry.maxRetries == 5)
        #expect(etcd.requestTimeoutNanos == 3 * second && etcd.serviceInitTimeoutNanos == 9 * second)
        #expect(configuration.runtimeLimits.scope == .init(zone: "z2", environment: "e2", namespace: "n2"))
        #expect(configuration.runtimeLimits.valuesPerMetricPerSecond == 100)
        #expect(configuration.runtimeLimits.newMetricsWarmupNanos == 600 * second)
        #expect(configuration.identity.source == .file(path: "/id", timeoutNanos: 30 * second))
        #expect(configuration.identity.port == 6_200)
        #expect(configuration.placement.initTimeoutNanos == 5 * second)
        #expect(configuration.election.leaderValue == "me" && configuration.election.ttlSeconds == 30)
        #expect(configuration.election.resignRetry.initialBackoffNanos == 3 * second)
        #expect(configuration.flushTimes.persistRetry.maxRetries == 9)
        #expect(configuration.flushTimes.key(shardSetID: 1) == "f/1")
    }

    @Test func aggregation() throws {
        let configuration = try load().configuration
        let aggregation = configuration.aggregation
        #expect(aggregation.defaultCounterTypes == [.sum, .max])
        #expect(aggregation.defaultTimerTypes == [.p99, .mean])
        #expect(aggregation.defaultGaugeTypes == [.last, .min])
        #expect(aggregation.counterTypeString == .suffix && aggregation.timerTypeString == .empty)
        #expect(aggregation.gaugeTypeString == .noop)
        #expect(aggregation.metricPrefix + aggregation.counterPrefix == "m.c.")
        #expect(aggregation.quantiles == .m3(eps: 0.01, insertAndCompressEvery: 512))
        #expect(aggregation.defaultStoragePolicies.map(\.description) == ["10s:2d", "1m@1s:40d"])
        #expect(!aggregation.discardNaN && aggregation.addToReset && aggregation.maxTimerBatchSizePerWrite == 9)
        #expect(configuration.windows.forwardingDelay == .constant(60 * second), "the constant one goes first")
        #expect(configuration.windows.bufferPastNanos == 3 * second)
        #expect(configuration.windows.timedFlushOffsetEnabled && configuration.windows.writesIgnoreCutoffCutover)
        #expect(!configuration.flush.jitterEnabled && configuration.flush.forcedFlushWindowNanos == 20 * second)
        #expect(
            configuration.entries.ttlNanos == 420 * second && configuration.entries.checkIntervalNanos == 480 * second)
        #expect(configuration.shutdownWaitNanos == 6 * second && configuration.verboseErrors)
        #expect(configuration.passthrough == .init(isEnabled: true, numWriters: 4))
    }

    @Test func producers() throws {
        let configuration = try load().configuration
        guard case .m3msg(let client) = configuration.forwarding else {
            Issue.record("\(configuration.forwarding)")
            return
        }
        #expect(client.onFull == .returnError && client.allowedSpilloverRatio == 0.4)
        #expect(client.topic == "ingest" && client.topicScope.namespace == "n3" && client.placementIsStaged)
        #expect(client.placementNamespace == "/p" && client.metadataNamespace == "/m" && client.ignoreCutoffCutover)
        #expect(client.messageRetry == .fixed([5 * second, 10 * second]))
        #expect(client.connection.numConnections == 3 && client.connection.flushIntervalNanos == 60_000_000)
        #expect(client.maxFrameBytes == 3_000_000 && client.maxAckFrameBytes == 4_000_000)
        #expect(configuration.outputs.first == .log(name: "log"))
        guard case .m3msg(let output) = configuration.outputs[1] else {
            Issue.record("\(configuration.outputs)")
            return
        }
        #expect(output.shardSetFilters.map(\.shards) == [[0...63], [0...3, 5...5]])
        #expect(output.storagePolicyFilters[0].policies.count == 2)
        #expect(output.percentageFilters[0].share == 0.25)
        #expect(output.routingPolicyFilters[0].isDefault)
        #expect(output.routingPolicyFilters[0].allowedTrafficTypes == ["x", "y"])
        #expect(output.routingPolicyKey == "traffic" && output.routingPolicyScope.zone == "z")
    }

    /// Every leaf of the file either is in force, or is named as ignored: no key is taken and forgotten.
    @Test func noKeyIsForgotten() throws {
        let text = String(decoding: try ConfigurationFixture.bytes("every-key.yml"), as: UTF8.self)
        let loaded = try load()
        var lines: Set<Int> = []
        for value in loaded.values {
            if case .file(_, let line, _) = value.origin { lines.insert(line) }
        }
        let ignored = loaded.diagnostics.filter { $0.severity == .ignored }
        lines.formUnion(ignored.map(\.line))
        var ignoredSections: Set<Int> = []
        var depth: Int?
        var leaves = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let indent = line.prefix { $0 == " " }.count
            let words = line.dropFirst(indent)
            if words.isEmpty || words.hasPrefix("#") { continue }
            if let inside = depth, indent > inside { ignoredSections.insert(index + 1) } else { depth = nil }
            // A section that is ignored is named by its first line or by the one before it.
            if words.hasSuffix(":"),
                ignored.contains(where: { $0.line == index + 2 && words.hasPrefix($0.lastKey + ":") })
            {
                depth = indent
            }
            if words.hasSuffix(":") || ignoredSections.contains(index + 1) { continue }
            leaves += 1
            #expect(lines.contains(index + 1), "line \(index + 1): \(line)")
        }
        #expect(leaves > 190)
    }
}

extension Diagnostic {
    fileprivate var lastKey: String { field.split(separator: ".").last.map(String.init) ?? "" }
}
