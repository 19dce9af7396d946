import Metrics

extension AggregatorReader {
    private static let standardOutput = "aggregated_metrics"
    private static let standardIngest = "aggregator_ingest"

    // MARK: Aggregated metrics

    func outputs(_ section: Section) -> [AggregatorConfiguration.Output] {
        section.section("flush") { flush in
            guard let outputs = flush.sections("handlers", output) else {
                if isBuiltIn { return [.m3msg(builtInOutput(flush))] }
                if !flush.has("handlers") {
                    flush.fail("handlers", "is missing", "write '- dynamicBackend:' with its producer")
                }
                return []
            }
            if outputs.isEmpty { flush.fail("handlers", "is empty", "write '- dynamicBackend:' with its producer") }
            return outputs
        }
    }

    private func builtInOutput(_ flush: Section) -> AggregatorConfiguration.M3MsgOutput {
        let handler = Section(reader: flush.reader, path: flush.path + [.key("handlers"), .index(0)], node: nil)
        return handler.section("dynamicBackend", dynamicBackend)
    }

    private enum StaticBackend: String, CaseIterable {
        case blackhole, logging
    }

    private func output(_ section: Section) -> AggregatorConfiguration.Output? {
        let isStatic = section.has("staticBackend")
        let isDynamic = section.has("dynamicBackend")
        guard isStatic != isDynamic else {
            let problem = isStatic ? "both are given" : "one of them is missing"
            section.fail(
                "staticBackend", "staticBackend or dynamicBackend: \(problem)", "write exactly one of them")
            return nil
        }
        if isDynamic { return .m3msg(section.section("dynamicBackend", dynamicBackend)) }
        return section.section("staticBackend") { backend in
            let type = backend.choice("type", default: StaticBackend.blackhole)
            if !backend.has("type") { backend.fail("type", "is missing", "write blackhole or logging") }
            let name = backend.string("name", default: "")
            return type == .blackhole ? .blackhole(name: name) : .log(name: name)
        }
    }

    private func dynamicBackend(_ section: Section) -> AggregatorConfiguration.M3MsgOutput {
        typealias Output = AggregatorConfiguration.M3MsgOutput
        section.hashType("hashType", isRequired: section.isPresent)
        section.section("writer") { writer in
            writer.ignorePool("bytesPool")
            writer.ignore("encodingTimeSamplingRate", because: WithoutEffect.deprecated)
        }
        let (scope, key) = section.section("routingPolicyConfig") {
            ($0.scope("kvConfig"), $0.string("kvKey", default: ""))
        }
        let output = Output(
            name: section.string("name", default: section.isPresent ? "" : "m3msg"),
            producer: section.section("producer") {
                producer($0, topic: section.isPresent ? nil : Self.standardOutput, example: Self.standardOutput)
            },
            shardSetFilters: section.sections("filters") { filter in
                Output.ShardSetFilter(service: filterService(filter), shards: shardSet(filter))
            } ?? [],
            storagePolicyFilters: section.sections("storagePolicyFilters") { filter in
                Output.StoragePolicyFilter(
                    service: filterService(filter), policies: storagePolicies(filter, "storagePolicies"))
            } ?? [],
            percentageFilters: section.sections("percentageFilters") { filter in
                Output.PercentageFilter(
                    service: filterService(filter), share: filter.double("percentage", default: 0, in: 0...1))
            } ?? [],
            routingPolicyFilters: section.sections("routingPolicyFilters") { filter in
                Output.RoutingPolicyFilter(
                    service: filterService(filter), isDefault: filter.bool("isDefault", default: false),
                    allowedTrafficTypes: filter.strings("allowedTrafficTypes"))
            } ?? [],
            routingPolicyScope: scope, routingPolicyKey: key)
        if !output.routingPolicyFilters.isEmpty && key.isEmpty {
            section.fail(
                "routingPolicyFilters", "have no effect without routingPolicyConfig.kvKey",
                "name the key that holds the traffic types", severity: .warning)
        }
        return output
    }

    private func filterService(_ filter: Section) -> ServiceName {
        let service = filter.serviceName("serviceID")
        if service.name.isEmpty {
            filter.fail("serviceID", "names no service", "write name, environment and zone of the consumer service")
        }
        return service
    }

    private func shardSet(_ filter: Section) -> [ClosedRange<UInt32>] {
        if !filter.has("shardSet") { filter.fail("shardSet", "is missing", "write a range such as 0..63, or a list") }
        if case .scalar = filter.child("shardSet")?.content {
            guard let text = filter.text("shardSet") else { return [] }
            guard let range = Self.shardRange(text.text) else {
                filter.fail("shardSet", "is no range of shards", "write it like 0..63, or a single number")
                return []
            }
            filter.record("shardSet", .text(Self.text(range)), text.origin)
            return [range]
        }
        return filter.list("shardSet", default: [], write: Self.text) { text, refuse in
            guard let range = Self.shardRange(text) else {
                refuse("is no range of shards", "write it like 0..63, or a single number")
                return nil
            }
            return range
        }
    }

    private static func text(_ range: ClosedRange<UInt32>) -> String { "\(range.lowerBound)..\(range.upperBound)" }

    static func shardRange(_ text: String) -> ClosedRange<UInt32>? {
        guard text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        if let shard = UInt32(text) { return shard...shard }
        guard let dots = text.firstRange(of: ".."), let first = UInt32(text[..<dots.lowerBound]),
            let last = UInt32(text[dots.upperBound...]), first <= last
        else { return nil }
        return first...last
    }

    // MARK: Producers

    private func producer(
        _ section: Section, topic: String?, example: String, placementNamespace: String = "", isStaged: Bool = false
    ) -> ProducerConfiguration {
        let buffer = section.section("buffer") { producerBuffer($0) }
        return section.section("writer") { writer in
            writer.ignorePool("messagePool")
            writer.ignore(
                "messageQueueFullScanInterval", "messageQueueScanBatchSize", "initialAckMapSize", "closeCheckInterval",
                because: WithoutEffect.noScan)
            writer.ignore("ackErrorRetry", because: "a connection that fails is made anew, see connection.retry")
            writer.ignore("withoutConsumerScope", because: "metrics always name the consumer service")
            writer.ignore(
                "messageWriterGracefulCloseKVOverride", "messageWriterGracefulCloseKey",
                because: "queues are always drained before they close")
            let name = writer.required("topicName", default: topic, example: example)
            let topicScope = writer.scope("topicServiceOverride")
            let topicInit = writer.duration(
                "topicWatchInitTimeout", default: 2 * Self.second, in: 0...Section.century)
            let staged = writer.section("placement") { placement in
                placement.ignore(
                    "allowPartialReplace", "allowAllZones", "addAllCandidates", "isSharded", "shardStateMode",
                    "isMirrored", "skipPortMirroring", "validZone", because: WithoutEffect.placementChange)
                return placement.bool("isStaged", default: isStaged && !placement.isPresent)
            }
            let (placement, metadata) = writer.section("placementServiceOverride") { override in
                override.section("namespaces") { namespaces in
                    (
                        namespaces.string("placement", default: override.isPresent ? "" : placementNamespace),
                        namespaces.string("metadata", default: "")
                    )
                }
            }
            return ProducerConfiguration(
                onFull: buffer.onFull, bufferScope: extensions.bufferScope, maxBufferBytes: buffer.maxBytes,
                maxMessageBytes: buffer.maxMessageBytes, allowedSpilloverRatio: buffer.spillover,
                dropOldestIntervalNanos: buffer.dropInterval, topic: name, topicScope: topicScope,
                topicInitTimeoutNanos: topicInit, placementNamespace: placement, metadataNamespace: metadata,
                placementIsStaged: staged,
                placementInitTimeoutNanos: writer.duration("placementWatchInitTimeout", default: 2 * Self.second),
                scanIntervalNanos: writer.duration(
                    "messageQueueNewWritesScanInterval", default: 200 * Self.millisecond, in: 1...Section.century),
                messageRetry: messageRetry(writer), connection: writer.section("connection", producerConnection),
                ignoreCutoffCutover: writer.bool("ignoreCutoffCutover", default: false),
                maxFrameBytes: writer.messageSize("encoder", default: 4_194_304),
                maxAckFrameBytes: writer.messageSize("decoder", default: 4_194_304))
        }
    }

    private struct ProducerBuffer {
        var onFull: ProducerConfiguration.OnFull
        var maxBytes: Int
        var maxMessageBytes: Int
        var dropInterval: Int64
        var spillover: Double
    }

    private func producerBuffer(_ section: Section) -> ProducerBuffer {
        section.ignore("closeCheckInterval", "scanBatchSize", "cleanupRetry", because: WithoutEffect.noScan)
        let buffer = ProducerBuffer(
            onFull: section.choice("onFullStrategy", default: .dropOldest),
            maxBytes: section.bytes("maxBufferSize", default: 104_857_600),
            maxMessageBytes: section.bytes("maxMessageSize", default: 1_048_576),
            dropInterval: section.duration("dropOldestInterval", default: Self.second, in: 1...Section.century),
            spillover: section.double("allowedSpilloverRatio", default: 0.2, in: 0...10))
        if buffer.maxMessageBytes > buffer.maxBytes {
            section.fail(
                "maxBufferSize", "is smaller than one message may be (maxMessageSize is \(buffer.maxMessageBytes))",
                "raise it, or lower maxMessageSize")
        }
        return buffer
    }

    private func messageRetry(_ section: Section) -> ProducerConfiguration.MessageRetry {
        let fixed: [Int64]? = section.optional("staticMessageRetry") { block in
            let pauses = block.list("backoff", default: [], write: GoDuration.format) { text, refuse -> Int64? in
                if let nanos = GoDuration.parse(text), (0...Section.century).contains(nanos) { return nanos }
                refuse("is no duration", "write a number with a unit, such as 10s")
                return nil
            }
            if pauses.isEmpty { block.fail("backoff", "names no pauses", "write a list such as [5s, 10s]") }
            return pauses
        }
        guard let fixed else {
            return .backoff(section.retry("messageRetry", default: RetryPolicy(initialBackoffNanos: 5 * Self.second)))
        }
        if section.has("messageRetry") {
            section.fail("messageRetry", "and staticMessageRetry are both given", "remove one of them")
        }
        return .fixed(fixed)
    }

    private func producerConnection(_ section: Section) -> ProducerConfiguration.Connection {
        section.ignore("readBufferSize", because: WithoutEffect.growing)
        section.ignore(
            "abortOnServerClose", "forcedFlushTimeout", because: "writes are never held back longer than flushInterval")
        return ProducerConfiguration.Connection(
            numConnections: section.int("numConnections", default: 4, in: 1...1_024),
            dialTimeoutNanos: section.duration("dialTimeout", default: 5 * Self.second, in: 1...Section.century),
            writeTimeoutNanos: section.duration("writeTimeout", default: 5 * Self.second),
            keepAlivePeriodNanos: section.duration("keepAlivePeriod", default: 5 * Self.second),
            resetDelayNanos: section.duration("resetDelay", default: 2 * Self.second),
            retry: section.retry("retry"),
            flushIntervalNanos: section.duration("flushInterval", default: Self.second, in: 1...Section.century),
            writeBufferBytes: section.bytes("writeBufferSize", default: 65_536))
    }

    // MARK: Forwarding

    private enum ClientType: String, CaseIterable {
        case m3msg, legacy
    }

    func forwardingClient(_ section: Section) -> AggregatorConfiguration.ForwardingClient {
        section.section("client") { client in
            let type = client.choice("type", default: pick(builtIn: ClientType.m3msg, library: .legacy))
            let legacy = rawTCPClient(client, isUsed: type == .legacy)
            guard type == .m3msg else {
                if client.has("m3msg") {
                    client.fail(
                        "m3msg", "has no effect: the client's type is legacy", "write type: m3msg to use it",
                        severity: .warning)
                }
                return .rawTCP(legacy)
            }
            if client.isPresent, !client.has("m3msg") {
                client.fail("m3msg", "is missing, but the client's type is m3msg", "write its producer")
            }
            return client.section("m3msg") { m3msg in
                m3msg.section("producer") { block in
                    .m3msg(
                        producer(
                            block, topic: isBuiltIn ? Self.standardIngest : nil, example: Self.standardIngest,
                            placementNamespace: pick(builtIn: "/placement", library: ""), isStaged: isBuiltIn))
                }
            }
        }
    }
}
