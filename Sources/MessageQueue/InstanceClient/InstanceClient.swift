import Logging
import NIOCore
import Synchronization
import Telemetry
import WireFormat

/// Sends metrics over raw TCP to all instances that own their shards, as M3's legacy client does: without
/// acknowledgements, what the system has taken counts as sent. Source: `docs/aggregator-role.md`, "Forwarding over raw
/// TCP".
public final class InstanceClient: Sendable {
    private struct State {
        var route: InstanceRoute
        var connections: [String: InstanceConnection] = [:]
        /// Of instances that left the placement and still drain.
        var leaving: [InstanceConnection] = []
        var random: SplitMix64
        var nextLoop = 0
        var isClosed = false
    }

    private let options: InstanceClientOptions
    private let loops: [any EventLoop]
    private let counters = InstanceClientCounters()
    private let logger: Logger
    private let state: Mutex<State>

    private init(
        route: InstanceRoute, options: InstanceClientOptions, loops: [any EventLoop], logger: Logger
    ) {
        self.options = options
        self.loops = loops
        self.logger = logger
        state = Mutex(State(route: route, random: SplitMix64(seed: options.randomSeed)))
    }

    /// Makes a client and begins to connect. Messages can be sent at once; they wait for connections.
    /// - Throws: ``InstanceRouteError`` when the route can't be followed.
    public static func start(
        route: InstanceRoute, options: InstanceClientOptions = InstanceClientOptions(), group: any EventLoopGroup,
        registry: Registry, logger: Logger
    ) throws(InstanceRouteError) -> InstanceClient {
        let client = InstanceClient(
            route: route, options: options, loops: Array(group.makeIterator()), logger: logger)
        try client.update(route: route)
        registry.onScrape { [weak client] in client?.stats.samples ?? [] }
        return client
    }

    /// Follows a new placement. Queues of instances that stay are kept; those of instances that went are drained.
    /// - Throws: ``InstanceRouteError``; the route in use stays.
    public func update(route: InstanceRoute) throws(InstanceRouteError) {
        try route.validate()
        let failure = state.withLock { state -> InstanceRouteError? in
            guard !state.isClosed else { return .closed }
            guard state.route.targets.count == route.targets.count else {
                return .shardCountChanged(from: state.route.targets.count, to: route.targets.count)
            }
            follow(route, &state)
            return nil
        }
        if let failure { throw failure }
    }

    private func follow(_ route: InstanceRoute, _ state: inout State) {
        let wanted = Set(route.targets.joined().map(\.endpoint))
        for (text, connection) in state.connections where !wanted.contains(text) {
            state.connections[text] = nil
            state.leaving.append(connection)
            connection.close(deadline: .now() + options.drainOfRemoved).whenComplete { [weak self] _ in
                self?.state.withLock { $0.leaving.removeAll { $0 === connection } }
            }
        }
        for text in wanted.sorted() where state.connections[text] == nil {
            guard let endpoint = Endpoint(text), !loops.isEmpty else { continue }
            let connection = InstanceConnection(
                endpoint: endpoint, eventLoop: loops[state.nextLoop % loops.count], options: options,
                counters: counters, seed: state.random.next(), logger: logger)
            state.nextLoop += 1
            state.connections[text] = connection
            connection.start()
        }
        state.route = route
    }

    /// Queues each message for every instance that takes its shard at its time. Any thread; never waits for the network.
    /// What can't be queued is dropped and counted.
    public func send(_ batch: PayloadBatch) {
        defer { batch.completion?.finishIfUnused() }
        guard !batch.entries.isEmpty else { return }
        let bytes = batch.bytes
        // Under the lock, so that no connection leaves between the choice of instances and the queueing.
        state.withLock { state in
            guard !state.isClosed else {
                counters.produced.add(batch.entries.count)
                counters.drop((.closed, batch.entries.count))
                return
            }
            let chunks = bytes.withUnsafeReadableBytes { memory in
                frames(of: batch.entries, in: memory, route: state.route)
            }
            for (endpoint, chunks) in chunks {
                for chunk in chunks { state.connections[endpoint]?.enqueue(chunk) }
            }
        }
    }

    /// The frames for each endpoint, in the order of the messages.
    private func frames(
        of entries: [PayloadBatch.Entry], in memory: UnsafeRawBufferPointer, route: InstanceRoute
    ) -> [String: [InstanceQueue.Chunk]] {
        var result: [String: [InstanceQueue.Chunk]] = [:]
        var open: [String: InstanceQueue.Chunk] = [:]
        let bytes = memory.bytes
        var frame = ByteWriter()
        for entry in entries {
            let range = ByteRange(offset: Int(entry.offset), count: Int(entry.length))
            let targets = Int(entry.shard) < route.targets.count ? route.targets[Int(entry.shard)] : []
            counters.produced.add(max(1, targets.count))
            guard !targets.isEmpty, range.end <= memory.count else {
                counters.drop((.noInstance, max(1, targets.count)))
                continue
            }
            guard range.count <= options.maxMessageBytes else {
                counters.drop((.tooLarge, targets.count))
                continue
            }
            var nanos: Int64?
            frame.removeAll(keepingCapacity: true)
            for target in targets {
                if !target.isAlways {
                    if nanos == nil { nanos = (try? MetricReader.read(bytes, in: range))?.timeNanos }
                    guard let nanos else {
                        counters.drop((.unreadable, 1))
                        continue
                    }
                    guard target.times.contains(nanos) else {
                        counters.drop((.outsideShardTimes, 1))
                        continue
                    }
                }
                if frame.count == 0 { RawTCPFrame.append(bytes.extracting(range.offset..<range.end), to: &frame) }
                var chunk = open.removeValue(forKey: target.endpoint) ?? .init(bytes: ByteBuffer(), messages: 0)
                if chunk.messages > 0, chunk.bytes.readableBytes + frame.count > options.maxChunkBytes {
                    result[target.endpoint, default: []].append(chunk)
                    chunk = .init(bytes: ByteBuffer(), messages: 0)
                }
                _ = frame.withUnsafeBytes { chunk.bytes.writeBytes($0) }
                chunk.messages += 1
                open[target.endpoint] = chunk
            }
        }
        for (endpoint, chunk) in open { result[endpoint, default: []].append(chunk) }
        return result
    }

    /// Counts and queues at this moment.
    public var stats: InstanceClientStats {
        let (connections, leaving) = state.withLock { (Array($0.connections.values), $0.leaving) }
        var stats = counters.stats
        let loads = connections.map(\.load)
        for load in loads + leaving.map(\.load) {
            stats.queued += UInt64(max(0, load.messages))
            stats.queuedBytes += load.bytes
        }
        stats.isHalfFull = !loads.isEmpty && loads.allSatisfy(\.isHalfFull)
        return stats
    }

    /// Takes nothing more, writes what is queued until the deadline, drops the rest as closed. Returns the final counts.
    @discardableResult
    public func close(deadline: Duration) async -> InstanceClientStats {
        let all = state.withLock { state -> [InstanceConnection] in
            defer { state.isClosed = true }
            return state.isClosed ? [] : Array(state.connections.values) + state.leaving
        }
        let end = NIODeadline.now() + TimeAmount(deadline)
        for ended in all.map({ $0.close(deadline: end) }) { try? await ended.get() }
        let final = stats
        if let lost = final.dropped[.closed], lost > 0 {
            logger.warning("closed with metrics that were not sent", metadata: ["dropped": "\(lost)"])
        }
        return final
    }
}
