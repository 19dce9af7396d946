import Aggregation
import Aggregator
import Metrics
import NodeConfiguration
import Testing

private let second: Int64 = 1_000_000_000

/// A file of the shape of M3's own sample has M3's values.
@Suite struct StockFileTests {
    private func load() throws -> LoadedAggregatorConfiguration {
        try ConfigurationFixture.load("stock-raw-tcp.yml", environment: ["M3AGGREGATOR_HOST_ID": "host-1"])
    }

    @Test func instanceIDComesFromTheEnvironment() throws {
        let identity = try load().configuration.identity
        #expect(try identity.instanceID(environment: ["M3AGGREGATOR_HOST_ID": "host-1"], hostname: "h") == "host-1")
        let unset = try ConfigurationFixture.load("stock-raw-tcp.yml")
        #expect(unset.diagnostics.contains { $0.field == "aggregator.hostID.envVarName" && $0.severity == .warning })
    }

    @Test func serversAreM3s() throws {
        let configuration = try load().configuration
        #expect(configuration.m3msg == nil)
        let rawTCP = try #require(configuration.rawTCP)
        #expect(rawTCP.server.listenAddress == ListenAddress(host: "0.0.0.0", port: 6_000))
        #expect(rawTCP.server.keepAlivePeriodNanos == 60 * second)
        #expect(rawTCP.server.tls == .disabled)
        #expect(
            rawTCP.server.retry
                == RetryPolicy(
                    initialBackoffNanos: 5_000_000, backoffFactor: 2, maxBackoffNanos: second, maxRetries: 2,
                    isForever: true, jitter: true))
        #expect(rawTCP.readBufferBytes == 65_536)
        #expect(rawTCP.maxMessageBytes == 50_000_000)
        #expect(rawTCP.errorLogLimitPerSecond == 0)
        #expect(configuration.http.listenAddress == ListenAddress(host: "0.0.0.0", port: 6_001))
        #expect(configuration.http.readTimeoutNanos == 60 * second)
        #expect(configuration.metrics.listenAddress == ListenAddress(host: "0.0.0.0", port: 6_002))
        #expect(configuration.metrics.prefix == "m3aggregator")
        #expect(configuration.logging.level == .info)
    }

    @Test func clusterIsM3s() throws {
        let configuration = try load().configuration
        guard case .etcd(let etcd) = configuration.keyValue else {
            Issue.record("no etcd")
            return
        }
        #expect(etcd.zone == "embedded" && etcd.environment == "default_env" && etcd.service == "m3aggregator")
        #expect(etcd.cacheDirectory == "/var/lib/m3kv")
        #expect(etcd.cluster(zone: "")?.endpoints == ["m3db_seed:2379"])
        #expect(etcd.cluster(zone: "elsewhere") == nil)
        #expect(etcd.clusters[0].keepAlive.periodNanos == 20 * second)
        #expect(etcd.clusters[0].tls == nil)
        #expect(etcd.retry == RetryPolicy())
        #expect(configuration.identity.source == .environment(variable: "M3AGGREGATOR_HOST_ID"))
        #expect(configuration.identity.port == nil)
        #expect(configuration.placement.scope.namespace == "/placement")
        #expect(configuration.placement.key == "m3aggregator")
        #expect(configuration.flushTimes.key(shardSetID: 3) == "shardset/3/flush")
        #expect(configuration.flushTimes.persistRetry.maxRetries == 3)
        #expect(configuration.election.key(shardSetID: 7) == "shardset/7/lock")
        #expect(configuration.election.ttlSeconds == 10)
        #expect(configuration.election.service.name == "m3aggregator")
        #expect(configuration.election.changeRetry.maxBackoffNanos == 5 * second)
        #expect(configuration.election.changeRetry.initialBackoffNanos == second / 10)
        #expect(configuration.election.campaignRetry.isForever)
        #expect(
            configuration.runtimeLimits.newMetricsKey == "write-new-metric-limit-cluster-per-second")
        #expect(configuration.resignTimeoutNanos == 60 * second)
    }

    @Test func aggregationIsM3s() throws {
        let configuration = try load().configuration
        let aggregation = configuration.aggregation
        #expect(aggregation.quantiles == .m3(eps: 0.001, insertAndCompressEvery: 1_024))
        #expect(aggregation.timerTypeString == .suffix)
        #expect(aggregation.counterTypeString == .empty && aggregation.gaugeTypeString == .empty)
        #expect(aggregation.metricPrefix.isEmpty && aggregation.timerPrefix.isEmpty)
        #expect(aggregation.defaultTimerTypes == AggregationType.defaults(for: .timer))
        #expect(aggregation.defaultStoragePolicies.map(\.description) == ["10s:2d"])
        #expect(aggregation.maxTimerBatchSizePerWrite == 140)
        #expect(configuration.windows.bufferPastNanos == 60 * second)
        #expect(configuration.windows.forwardingDelay == .perStage(5 * second))
        #expect(configuration.windows.bufferAfterShardCutoffNanos == 600 * second)
        #expect(!configuration.windows.timedFlushOffsetEnabled)
        #expect(configuration.flush.checkEveryNanos == second)
        #expect(configuration.flush.maxJitters.map(\.maxShare) == [1, 0.5, 0.5, 0.5, 0.25])
        #expect(configuration.flush.maxBufferNanos == 300 * second)
        #expect(!configuration.passthrough.isEnabled)
        #expect(configuration.entries.ttlNanos == 3_600 * second)
    }

    @Test func outputAndForwardingAreM3s() throws {
        let configuration = try load().configuration
        guard case .m3msg(let output) = try #require(configuration.outputs.first),
            case .rawTCP(let client) = configuration.forwarding
        else {
            Issue.record("\(configuration.outputs) \(configuration.forwarding)")
            return
        }
        #expect(configuration.outputs.count == 1)
        let producer = output.producer
        #expect(output.name == "m3msg" && producer.topic == "aggregated_metrics")
        #expect(producer.onFull == .dropOldest && producer.bufferScope == .perReplica)
        #expect(producer.maxBufferBytes == 1_000_000_000 && producer.maxMessageBytes == 1_048_576)
        #expect(producer.scanIntervalNanos == second)
        #expect(
            producer.messageRetry
                == .backoff(RetryPolicy(initialBackoffNanos: 60 * second, maxBackoffNanos: 120 * second)))
        #expect(producer.connection.numConnections == 4 && producer.connection.writeBufferBytes == 16_384)
        #expect(producer.connection.flushIntervalNanos == second)
        #expect(producer.placementNamespace.isEmpty && !producer.placementIsStaged)
        #expect(client.placement.initTimeoutNanos == 15 * second)
        #expect(client.queueSize == 1_000 && client.queueDrop == .oldest && client.maxTimerBatchSize == 140)
        #expect(client.shardCutoverWarmupNanos == 600 * second && client.shardCutoffLingerNanos == 60 * second)
        #expect(client.connection.maxReconnectThreshold == 5_000)
        #expect(client.connection.readTimeoutNanos == 15 * second)
        #expect(client.connection.writeRetry.maxRetries == 1)
    }

    @Test func poolsAreNamedAsIgnored() throws {
        let ignored = try load().diagnostics.filter { $0.severity == .ignored }
        #expect(
            Set(ignored.map(\.field)).isSuperset(of: [
                "aggregator.entryPool", "aggregator.stream.floatsPool", "rawtcp.protobufIterator.bytesPool",
                "aggregator.flushManager.flushTimesPersistEvery",
            ]))
        #expect(ignored.allSatisfy { $0.line > 0 && $0.column > 0 && $0.problem.hasPrefix("has no effect: ") })
    }

    /// M3's sample loses forwarded values of timed metrics; a node that replaces M3 starts all the same and says so.
    @Test func shortForwardingDelayIsWarnedOf() throws {
        let warnings = try load().diagnostics.filter { $0.severity == .warning }
        #expect(warnings.map(\.field) == ["aggregator.forwarding.maxSingleDelay"])
        #expect(warnings.first?.line == 154)
        #expect(warnings.first?.problem.contains("60.0 s") == true)
    }

    @Test func optionsOfTheCore() throws {
        let options = try load().configuration.aggregatorOptions()
        #expect(options.bufferForPastTimedMetricsNanos == 60 * second)
        #expect(options.pastBufferNanos(resolutionNanos: 10 * second) == 70 * second)
        #expect(options.forwardingDelayNanos(resolutionNanos: 10 * second, numForwardedTimes: 2) == 15 * second)
        #expect(options.jitter.maxNanos(resolutionNanos: 30 * second) == 15 * second)
        #expect(options.jitter.maxNanos(resolutionNanos: 7_200 * second) == 1_800 * second)
        #expect(options.quantileEstimator == .m3Default)
        #expect(options.maxTimerBatchSizePerWrite == 140)
        #expect(options.bufferAfterShardCutoffNanos == 600 * second)
    }
}
