import Aggregation
import Aggregator
import Metrics
import Testing

@testable import NodeConfiguration

private let second: Int64 = 1_000_000_000

/// M3 has one set of defaults for a section that is absent and another for keys that are.
@Suite struct DefaultsTests {
    private static let etcd = "kvClient: {etcd: {zone: z, service: s, etcdClusters: [{zone: z, endpoints: [e:1]}]}}\n"

    @Test func withoutTheSectionAggregator() throws {
        let configuration = try read(Self.etcd).configuration
        #expect(configuration.m3msg?.server.listenAddress == ListenAddress(host: "0.0.0.0", port: 6_000))
        #expect(configuration.m3msg?.server.retry.maxBackoffNanos == 10 * second)
        #expect(configuration.m3msg?.ackFlushIntervalNanos == second / 5)
        #expect(configuration.http.listenAddress.port == 6_001 && configuration.http.writeTimeoutNanos == 60 * second)
        #expect(configuration.metrics.listenAddress?.port == 6_002 && configuration.metrics.prefix.isEmpty)
        #expect(configuration.identity == InstanceIdentity(source: .value("m3aggregator_local"), port: nil))
        #expect(configuration.aggregation.timerTypeString == .suffix)
        #expect(configuration.aggregation.metricPrefix.isEmpty)
        #expect(configuration.aggregation.quantiles == .m3Default)
        #expect(configuration.aggregation.defaultStoragePolicies.isEmpty)
        #expect(configuration.aggregation.maxTimerBatchSizePerWrite == 140)
        #expect(configuration.windows.bufferPastNanos == 600 * second)
        #expect(configuration.windows.bufferFutureNanos == 600 * second)
        #expect(configuration.windows.bufferAfterShardCutoffNanos == 600 * second)
        #expect(configuration.windows.forwardingDelay == .constant(60 * second))
        #expect(configuration.flush.maxJitters.count == 5)
        #expect(configuration.passthrough == .init(isEnabled: true, numWriters: 8))
        #expect(configuration.resignTimeoutNanos == 60 * second)
        #expect(configuration.entries == .init(ttlNanos: 3_600 * second, checkIntervalNanos: 600 * second))
        #expect(
            configuration.placement.key == "m3aggregator" && configuration.placement.scope.namespace == "/placement")
        #expect(configuration.election.ttlSeconds == 10)
        #expect(configuration.election.campaignRetry.initialBackoffNanos == second / 10)
        guard case .m3msg(let client) = configuration.forwarding, case .m3msg(let output) = configuration.outputs[0]
        else {
            Issue.record("\(configuration.forwarding)")
            return
        }
        #expect(client.topic == "aggregator_ingest" && client.placementIsStaged)
        #expect(client.placementNamespace == "/placement")
        #expect(output.producer.topic == "aggregated_metrics" && output.producer.maxBufferBytes == 104_857_600)
        #expect(output.producer.messageRetry == .backoff(RetryPolicy(initialBackoffNanos: 5 * second)))
    }

    @Test func keysThatAreAbsent() throws {
        let configuration = try read(
            Self.etcd + """
                rawtcp: {listenAddress: "h:6000"}
                http: {listenAddress: "h:6001"}
                aggregator:
                  placementManager: {placementWatcher: {key: k}}
                  flushTimesManager: {flushTimesKeyFmt: f%d}
                  electionManager: {electionKeyFmt: l%d}
                  flushManager: {maxJitters: [{flushInterval: 10s, maxJitterPercent: 0.5}]}
                  client: {placementKV: {namespace: /placement}, placementWatcher: {key: k}}
                  flush: {handlers: [{staticBackend: {type: blackhole}}]}
                """
        ).configuration
        #expect(configuration.m3msg == nil)
        #expect(configuration.http.readTimeoutNanos == 10 * second)
        #expect(configuration.rawTCP?.readBufferBytes == 65_536)
        #expect(configuration.rawTCP?.maxMessageBytes == 52_428_800)
        #expect(configuration.identity == InstanceIdentity(source: .hostname(format: ""), port: 6_000))
        let aggregation = configuration.aggregation
        #expect(aggregation.metricPrefix == "stats." && aggregation.counterPrefix == "counts.")
        #expect(aggregation.timerPrefix == "timers." && aggregation.gaugePrefix == "gauges.")
        #expect(aggregation.counterTypeString == .noop && aggregation.timerTypeString == .noop)
        #expect(aggregation.quantiles == .standard, "M3 does not start without stream.eps")
        #expect(aggregation.maxTimerBatchSizePerWrite == 0)
        #expect(configuration.windows.bufferPastNanos == 60 * second)
        #expect(configuration.windows.bufferAfterShardCutoffNanos == 3_600 * second)
        #expect(configuration.windows.forwardingDelay == .perStage(0))
        #expect(configuration.resignTimeoutNanos == 300 * second)
        #expect(configuration.election.ttlSeconds == 60)
        #expect(configuration.election.campaignRetry == RetryPolicy(isForever: true))
        #expect(configuration.flushTimes.persistRetry == RetryPolicy())
        #expect(!configuration.passthrough.isEnabled)
        #expect(configuration.outputs == [.blackhole(name: "")])
        #expect(configuration.entries.checkIntervalNanos == 3_600 * second)
        guard case .rawTCP(let client) = configuration.forwarding else {
            Issue.record("\(configuration.forwarding)")
            return
        }
        #expect(client.queueSize == 128 && client.maxBatchBytes == 8_388_608)
        #expect(client.shardCutoffLingerNanos == 3_600 * second)
        #expect(client.connection.initReconnectThreshold == 1 && client.connection.maxReconnectNanos == 20 * second)
    }

    @Test func buffersAndDelaysByResolution() {
        let windows = AggregatorConfiguration.Windows(
            bufferPastNanos: 60 * second, bufferFutureNanos: 0, forwardingDelay: .perStage(5 * second),
            bufferBeforeShardCutoverNanos: 0, bufferAfterShardCutoffNanos: 0, timedFlushOffsetEnabled: false,
            writesIgnoreCutoffCutover: false)
        #expect(windows.pastBufferNanos(resolutionNanos: 10 * second) == 70 * second)
        #expect(windows.pastBufferNanos(resolutionNanos: .max) == .max)
        #expect(
            windows.forwardingDelayNanos(
                resolutionNanos: 10 * second, numForwardedTimes: 2, jitterNanos: 5 * second) == 15 * second)
        var constant = windows
        constant.forwardingDelay = .constant(60 * second)
        #expect(
            constant.forwardingDelayNanos(
                resolutionNanos: 10 * second, numForwardedTimes: 2, jitterNanos: 5 * second) == 80 * second)
        #expect(
            constant.forwardingDelayNanos(resolutionNanos: .max, numForwardedTimes: 2, jitterNanos: 0) == .max)
    }

    @Test func instanceIDs() throws {
        func id(
            _ source: InstanceIdentity.Source, port: Int? = nil, environment: [String: String] = [:],
            fileText: String? = nil
        ) throws -> String {
            try InstanceIdentity(source: source, port: port)
                .instanceID(environment: environment, hostname: "h1", fileText: fileText)
        }
        #expect(try id(.hostname(format: "")) == "h1")
        #expect(try id(.hostname(format: "a-{{.Hostname}}-{{ .Hostname }}"), port: 6_000) == "a-h1-h1:6000")
        #expect(try id(.value("::1"), port: 1) == "[::1]:1")
        #expect(try id(.environment(variable: "ID"), environment: ["ID": "x"]) == "x")
        #expect(try id(.file(path: "/id", timeoutNanos: nil), fileText: " \nx y\n") == "x y")
        #expect(throws: InstanceIdentityError.missingVariable("ID")) { try id(.environment(variable: "ID")) }
        #expect(throws: InstanceIdentityError.emptyFile("/id")) {
            try id(.file(path: "/id", timeoutNanos: nil), fileText: " \n")
        }
        #expect(throws: InstanceIdentityError.empty) { try id(.value("")) }
    }

    @Test func addresses() {
        let good: [(String, String, Int)] = [
            ("h:1", "h", 1), ("0.0.0.0:0", "0.0.0.0", 0), (":6000", "0.0.0.0", 6_000), ("[::1]:65535", "::1", 65_535),
        ]
        for (text, host, port) in good { #expect(ListenAddress(text) == ListenAddress(host: host, port: port)) }
        for text in ["", "h", "h:", "h:65536", "h:-1", "h:+1", "::1:6000", "a b:1", "[h:1", "http://h:1", "h:1x"] {
            #expect(ListenAddress(text) == nil, "\(text)")
        }
        #expect(ListenAddress(host: "::1", port: 2).description == "[::1]:2")
    }
}
