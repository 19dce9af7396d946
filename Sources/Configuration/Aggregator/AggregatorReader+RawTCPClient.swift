extension AggregatorReader {
    private static let otherType = "the client's type is m3msg"
    private static let legacyKeys = [
        "placementKV", "placementWatcher", "shardCutoverWarmupDuration", "shardCutoffLingerDuration", "encoder",
        "maxBatchSize", "maxTimerBatchSize", "queueSize", "queueDropType", "connection",
    ]

    /// The client that M3 calls legacy.
    /// - Parameter isUsed: false to take its keys and say that they have no effect.
    func rawTCPClient(_ client: Section, isUsed: Bool) -> AggregatorConfiguration.RawTCPClient {
        client.ignore("flushSize", "flushWorkerCount", "forceFlushEvery", because: WithoutEffect.deprecated)
        client.hashType("hashType")
        guard isUsed else {
            for key in Self.legacyKeys { client.ignore(key, because: Self.otherType) }
            // An absent section gives the defaults, and nothing of it is shown.
            return settings(Section(reader: Reader(), path: [], node: nil))
        }
        for key in ["placementKV", "placementWatcher"] where !client.has(key) {
            client.fail(
                key, "is missing, but the client's type is legacy",
                key == "placementKV" ? "write 'namespace: /placement'" : "write 'key: m3aggregator'")
        }
        return settings(client)
    }

    private func settings(_ client: Section) -> AggregatorConfiguration.RawTCPClient {
        let maxMessageBytes = client.section("encoder") { encoder in
            encoder.ignore("initBufferSize", because: WithoutEffect.growing)
            encoder.ignorePool("bytesPool")
            return encoder.bytes("maxMessageSize", default: 52_428_800)
        }
        let placement =
            client.isPresent
            ? placementWatch(client, scope: "placementKV", namespace: "")
            : AggregatorConfiguration.PlacementWatch(
                scope: KeyValueScope(zone: "", environment: "", namespace: ""), key: "",
                initTimeoutNanos: 10 * Self.second)
        return AggregatorConfiguration.RawTCPClient(
            placement: placement,
            shardCutoverWarmupNanos: client.duration("shardCutoverWarmupDuration", default: 600 * Self.second),
            shardCutoffLingerNanos: client.duration("shardCutoffLingerDuration", default: 3_600 * Self.second),
            maxMessageBytes: maxMessageBytes,
            maxBatchBytes: client.bytes("maxBatchSize", default: 8_388_608, zeroIsDefault: true),
            maxTimerBatchSize: client.int("maxTimerBatchSize", default: 0, in: 0...1_000_000_000),
            queueSize: client.int("queueSize", default: 128, zeroIsDefault: true, in: 0...10_000_000),
            queueDrop: client.choice("queueDropType", default: .oldest),
            connection: client.section("connection", connection))
    }

    private func connection(_ section: Section) -> AggregatorConfiguration.RawTCPClient.Connection {
        // What M3 has when the block is absent can't be written in it: a pause of 0 means its library's pause there.
        let writeRetry: RetryPolicy =
            section.has("writeRetries")
            ? section.retry("writeRetries")
            : RetryPolicy(initialBackoffNanos: 0, maxBackoffNanos: Self.second, maxRetries: 1)
        return AggregatorConfiguration.RawTCPClient.Connection(
            connectTimeoutNanos: section.duration("connectionTimeout", default: Self.second, zeroIsDefault: true),
            keepAlive: section.bool("connectionKeepAlive", default: true),
            readTimeoutNanos: section.duration("readTimeout", default: 15 * Self.second, zeroIsDefault: true),
            writeTimeoutNanos: section.duration("writeTimeout", default: 15 * Self.second, zeroIsDefault: true),
            initReconnectThreshold: section.int(
                "initReconnectThreshold", default: 1, zeroIsDefault: true, in: 0...1_000_000_000),
            maxReconnectThreshold: section.int(
                "maxReconnectThreshold", default: 4, zeroIsDefault: true, in: 0...1_000_000_000),
            reconnectThresholdMultiplier: section.int(
                "reconnectThresholdMultiplier", default: 2, zeroIsDefault: true, in: 0...1_000_000),
            maxReconnectNanos: section.duration("maxReconnectDuration", default: 20 * Self.second),
            writeRetry: writeRetry, tls: section.section("tls", clientTLS))
    }

    private func clientTLS(_ section: Section) -> ClientTLS {
        section.ignore("tlsHandshakeOnConnect", because: "the handshake always comes first")
        return ClientTLS(
            isEnabled: section.bool("enabled", default: false),
            insecureSkipVerify: section.bool("insecureSkipVerify", default: false),
            serverName: section.string("serverName", default: ""), caFile: section.string("caFile", default: ""),
            certFile: section.string("certFile", default: ""), keyFile: section.string("keyFile", default: ""),
            certificatesTTLNanos: section.duration("certificatesTTL", default: 0))
    }
}
