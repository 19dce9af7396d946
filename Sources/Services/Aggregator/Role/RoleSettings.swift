import FoundationEssentials
import Glibc
import Logging
import MessageQueue
import NIOCore
import NodeConfiguration

/// What servers and producers are told by a configuration, and what of it can't be done.
enum RoleSettings {
    /// - Throws: the first of ``refusals(_:logger:)``, before anything is waited for.
    static func check(_ configuration: AggregatorConfiguration, logger: Logger) throws {
        if let first = refusals(configuration, logger: logger).first { throw first }
    }

    /// Keys that the reader of the files takes and that this version does not do, and files of servers that can't be used.
    static func refusals(_ configuration: AggregatorConfiguration, logger: Logger) -> [RoleFailure] {
        var refusals: [RoleFailure] = []
        func tried(_ key: String, _ body: () throws -> Void) {
            do {
                try body()
            } catch let failure as RoleFailure {
                refusals.append(failure)
            } catch {
                refusals.append(.tls(key: key, reason: "\(error)"))
            }
        }
        tried("m3msg.server.tls") { _ = try configuration.m3msg.map { try consumer($0, logger: logger) } }
        tried("rawtcp.tls") { _ = try configuration.rawTCP.map { try rawTCP($0, logger: logger) } }
        if case .rawTCP(let client) = configuration.forwarding {
            if client.connection.tls.isEnabled {
                refusals.append(
                    .unsupported(
                        key: "aggregator.client.connection.tls.enabled", value: "true",
                        remedy: "set it to false, or forward over m3msg"))
            }
            if case .embedded = configuration.keyValue {
                refusals.append(
                    .unsupported(
                        key: "aggregator.client.type", value: "legacy with an embedded store",
                        remedy: "set it to m3msg, or use kvClient.etcd"))
            }
        }
        for (index, output) in configuration.outputs.enumerated() {
            guard case .m3msg(let output) = output, !output.routingPolicyFilters.isEmpty else { continue }
            refusals.append(
                .unsupported(
                    key: "aggregator.flush.handlers[\(index)].dynamicBackend.routingPolicyFilters", value: "given",
                    remedy: "remove it, or filter in the consumers"))
        }
        return refusals
    }

    static func instanceClient(_ configuration: AggregatorConfiguration.RawTCPClient) -> InstanceClientOptions {
        var options = InstanceClientOptions()
        options.maxMessageBytes = configuration.maxMessageBytes
        options.maxChunkBytes = configuration.maxBatchBytes
        options.maxChunks = configuration.queueSize
        options.onFull = configuration.queueDrop == .oldest ? .dropOldest : .dropCurrent
        let connection = configuration.connection
        options.connectTimeout = .nanoseconds(connection.connectTimeoutNanos)
        options.writeTimeout = .nanoseconds(connection.writeTimeoutNanos)
        options.keepAlive = connection.keepAlive
        // M3 counts failed writes between attempts; here nothing is written, and lost, without a connection.
        options.reconnect = Backoff(
            initial: .milliseconds(250), factor: Double(max(connection.reconnectThresholdMultiplier, 1)),
            max: .nanoseconds(max(connection.maxReconnectNanos, 1_000_000)), jitter: true)
        options.maxWriteRetries = connection.writeRetry.isForever ? nil : connection.writeRetry.maxRetries
        return options
    }

    /// - Throws: ``RoleFailure/tls(key:reason:)``
    static func consumer(
        _ server: AggregatorConfiguration.M3MsgServer, logger: Logger
    ) throws -> ConsumerOptions {
        var options = ConsumerOptions()
        options.name = "ingest"
        options.ackFlushInterval = .nanoseconds(server.ackFlushIntervalNanos)
        options.maxFrameBytes = server.maxMessageBytes
        options.writeTimeout = .nanoseconds(server.connectionWriteTimeoutNanos)
        options.keepAlive = server.server.keepAlivePeriodNanos.map { .nanoseconds($0) }
        options.configureChannel = try RoleTLS.server(server.server.tls, key: "m3msg.server.tls", logger: logger)
        return options
    }

    /// - Throws: ``RoleFailure/tls(key:reason:)``
    static func rawTCP(
        _ server: AggregatorConfiguration.RawTCPServer, logger: Logger
    ) throws -> AggregatorService.Options.RawTCP {
        var options = RawTCPOptions()
        options.maxFrameBytes = server.maxMessageBytes
        options.readBytes = server.readBufferBytes
        options.keepAlive = server.server.keepAlivePeriodNanos.map { .nanoseconds($0) }
        options.errorLogLimitPerSecond = server.errorLogLimitPerSecond
        options.configureChannel = try RoleTLS.server(server.server.tls, key: "rawtcp.tls", logger: logger)
        return AggregatorService.Options.RawTCP(
            host: server.server.listenAddress.host, port: server.server.listenAddress.port, options: options)
    }

    static func producer(_ configuration: ProducerConfiguration, name: String) -> ProducerOptions {
        var options = ProducerOptions()
        options.name = name
        options.onFull = configuration.onFull == .dropOldest ? .dropOldest : .returnError
        options.bufferScope = configuration.bufferScope == .perReplica ? .perReplica : .shared
        options.maxBufferBytes = configuration.maxBufferBytes
        options.maxMessageBytes = configuration.maxMessageBytes
        options.allowedSpilloverRatio = configuration.allowedSpilloverRatio
        options.dropOldestInterval = .nanoseconds(configuration.dropOldestIntervalNanos)
        options.scanInterval = .nanoseconds(configuration.scanIntervalNanos)
        options.maxAckFrameBytes = configuration.maxAckFrameBytes
        switch configuration.messageRetry {
        case .backoff(let policy): options.messageRetry = backoff(policy)
        case .fixed(let pauses): options.messageRetry = Backoff(fixed: pauses.map { .nanoseconds($0) })
        }
        let connection = configuration.connection
        options.numConnections = min(max(connection.numConnections, 1), 64)
        options.connectTimeout = .nanoseconds(connection.dialTimeoutNanos)
        options.writeTimeout = .nanoseconds(connection.writeTimeoutNanos)
        options.keepAlive = connection.keepAlivePeriodNanos > 0 ? .nanoseconds(connection.keepAlivePeriodNanos) : nil
        options.resetDelay = .nanoseconds(connection.resetDelayNanos)
        options.reconnect = backoff(connection.retry)
        options.flushInterval = .nanoseconds(connection.flushIntervalNanos)
        return options
    }

    private static func backoff(_ policy: RetryPolicy) -> Backoff {
        Backoff(
            initial: .nanoseconds(policy.initialBackoffNanos), factor: policy.backoffFactor,
            max: policy.maxBackoffNanos == .max ? nil : .nanoseconds(policy.maxBackoffNanos), jitter: policy.jitter)
    }

    // MARK: Identity

    /// Which instance of the placement this process is. Waits for a file that is to hold it.
    static func instanceID(_ identity: InstanceIdentity, environment: [String: String]) async throws -> String {
        guard case .file(let path, let timeout) = identity.source else {
            return try identity.instanceID(environment: environment, hostname: hostname())
        }
        let end = ContinuousClock.now + .nanoseconds(timeout ?? 0)
        while true {
            let text = try? String(contentsOfFile: path, encoding: .utf8)
            do {
                return try identity.instanceID(environment: environment, hostname: hostname(), fileText: text)
            } catch {
                guard ContinuousClock.now < end else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    static func hostname() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
