import Logging
import NIOCore
import Synchronization
import Telemetry

/// Sends the messages of one topic to its consumer services, at least once each, until they are acknowledged, expire or
/// have to make room. Source: `docs/message-queue.md`, "Producer".
public final class Producer: Sendable {
    private struct Control {
        var route: ProducerRoute
        var services: [Service] = []
        var random: SplitMix64
        var nextLoop = 0
        var isClosed = false
    }

    private struct Service {
        var route: ServiceRoute
        var writer: ServiceWriter
        /// Numbers of the buffers by endpoint number; one for SHARED.
        var accounts: [Int]
    }

    private let options: ProducerOptions
    private let loops: [any EventLoop]
    private let logger: Logger
    private let admission: Admission
    private let control: Mutex<Control>
    private let numberOfShards: Int
    let topic: String
    var name: String { options.name }
    private let dropper = Mutex<RepeatedTask?>(nil)

    private init(
        route: ProducerRoute, options: ProducerOptions, loops: [any EventLoop], logger: Logger
    ) {
        self.options = options
        self.loops = loops
        var logger = logger
        logger[metadataKey: "topic"] = "\(route.topic)"
        self.logger = logger
        topic = route.topic
        numberOfShards = route.numberOfShards
        admission = Admission(limit: max(1, options.maxBufferBytes), spillover: options.allowedSpilloverRatio)
        control = Mutex(Control(route: route, random: SplitMix64(seed: options.randomSeed)))
    }

    /// Makes a producer and begins to connect. Messages can be produced at once; they wait for connections.
    /// - Throws: ``ProducerRouteError`` when the route can't be followed.
    public static func start(
        route: ProducerRoute, options: ProducerOptions = ProducerOptions(), group: any EventLoopGroup,
        registry: Registry, logger: Logger
    ) throws(ProducerRouteError) -> Producer {
        try route.validate()
        let producer = Producer(route: route, options: options, loops: Array(group.makeIterator()), logger: logger)
        if options.bufferScope == .shared { _ = producer.admission.addAccount(endpoint: "*") }
        try producer.update(route: route)
        registry.onScrape { [weak producer] in producer?.samples() ?? [] }
        if options.onFull == .dropOldest, let loop = producer.loops.first {
            let task = loop.scheduleRepeatedTask(
                initialDelay: options.dropOldestInterval, delay: options.dropOldestInterval
            ) { [weak producer] task in
                guard let producer else { return task.cancel() }
                if producer.admission.dropExcess(wallNanos: wallClockNanos()) { producer.sweep() }
            }
            producer.dropper.withLock { $0 = task }
        }
        return producer
    }

    // MARK: Producing

    /// Queues all messages of the batch, or none and throws. Any thread; never waits for the network.
    ///
    /// A payload longer than ``ProducerOptions/maxMessageBytes`` is dropped and counted, it doesn't fail the batch.
    public func produce(_ batch: PayloadBatch) throws(ProducerError) {
        guard !batch.entries.isEmpty else {
            batch.completion?.finishIfUnused()
            return
        }
        let batch = batch.compacted()
        let wallNanos = wallClockNanos()
        // The demand outlives the lock: its charges may turn out to be the last, and giving bytes back takes the lock.
        let (failure, _) = admission.state.withLock { state -> (ProducerError?, BatchDemand?) in
            guard !state.isClosed else { return (.closed, nil) }
            do throws(ProducerError) {
                var demand = try BatchDemand(
                    batch, table: state.table, numberOfShards: numberOfShards, accounts: state.accounts.count,
                    maxMessageBytes: options.maxMessageBytes)
                try demand.admit(
                    to: &state, admission: admission, options: options, wallNanos: wallNanos,
                    completion: batch.completion)
                demand.submit(batch, table: state.table)
                if demand.mustSweep { for service in state.table.services { service.writer.sweep() } }
                return (nil, demand)
            } catch {
                return (error, nil)
            }
        }
        batch.completion?.finishIfUnused()
        if let failure { throw failure }
    }

    /// Drops every message that waits for an acknowledgement, as ``DropReason/superseded``: another process sends them
    /// now, and a repetition would take the place of its values. The producer goes on with what comes later.
    public func dropSuperseded() {
        let services = control.withLock { $0.services.map(\.writer) }
        for service in services {
            for lane in service.lanes { lane.submit(.supersede, bytes: 0) }
        }
    }

    /// True when some buffer is at least four fifths full: a good moment to stop reading what makes messages.
    public var isNearlyFull: Bool {
        admission.state.withLock { state in state.accounts.contains { $0.bytes / 4 >= $0.limit / 5 } }
    }

    // MARK: Routes

    /// Follows a new route. Consumer services are known by their names. Queues keep their messages when their endpoint
    /// changes; the messages of services and replicas that went are dropped as closed.
    public func update(route: ProducerRoute) throws(ProducerRouteError) {
        try route.validate()
        let failure = control.withLock { control -> ProducerRouteError? in
            guard !control.isClosed else { return .closed }
            guard route.numberOfShards == numberOfShards else {
                return .shardCountChanged(from: numberOfShards, to: route.numberOfShards)
            }
            follow(route, &control)
            return nil
        }
        if let failure { throw failure }
    }

    private func follow(_ route: ProducerRoute, _ control: inout Control) {
        let gone = control.services.filter { old in !route.services.contains { $0.name == old.route.name } }
        var services: [Service] = []
        for wanted in route.services {
            var service = control.services.first { $0.route.name == wanted.name } ?? makeService(wanted, &control)
            service.route.update(wanted)
            let count = service.writer.isShared ? 1 : service.route.endpoints.count
            for number in service.accounts.count..<max(service.accounts.count, count) {
                let endpoint = service.writer.isShared ? "*" : service.route.endpoints[number]
                service.accounts.append(
                    options.bufferScope == .shared ? 0 : admission.addAccount(endpoint: endpoint))
            }
            services.append(service)
        }
        control.route = route
        control.services = services
        // The old table outlives the lock: it may hold the last reference to lanes with charges.
        let old = admission.state.withLock { state -> RouteTable in
            // Under the admission lock, so that a lane sees a batch and the route it was admitted by in this order.
            for service in services { hand(service, marks: state.marks) }
            for service in gone {
                for lane in service.writer.lanes {
                    lane.submit(.close(deadline: .now(), lane.eventLoop.makePromise()), bytes: 0)
                }
            }
            defer {
                state.table = RouteTable(
                    services: services.map { service in
                        service.writer.tableEntry(service.route) { service.accounts[$0] }
                    })
            }
            return state.table
        }
        withExtendedLifetime(old) {}
    }

    private func makeService(_ wanted: ProducerRoute.ConsumerService, _ control: inout Control) -> Service {
        let isShared = wanted.consumption == .shared
        let writer = ServiceWriter(
            name: wanted.name, isShared: isShared, options: options, loops: loops, firstLoop: control.nextLoop,
            random: &control.random, logger: logger)
        control.nextLoop += 1
        return Service(
            route: ServiceRoute(name: wanted.name, consumption: wanted.consumption, numberOfShards: numberOfShards),
            writer: writer, accounts: [])
    }

    private func hand(_ service: Service, marks: [ReplicaMarks]) {
        var endpoints: [Int: LaneEndpoint] = [:]
        for number in service.route.active {
            guard let endpoint = Endpoint(service.route.endpoints[number]) else { continue }
            let account = service.accounts[service.writer.isShared ? 0 : number]
            endpoints[number] = LaneEndpoint(endpoint: endpoint, marks: marks[account])
        }
        for (number, lane) in service.writer.lanes.enumerated() {
            let route = service.writer.laneRoute(number, of: service.route, accounts: service.accounts)
            lane.submit(.route(route, endpoints: endpoints), bytes: 0)
        }
    }

    private func sweep() {
        admission.state.withLock { state in
            for service in state.table.services { service.writer.sweep() }
        }
    }

    // MARK: State

    /// Counts and buffers at this moment.
    public var stats: ProducerStats {
        let services = control.withLock { $0.services }
        return admission.state.withLock { state in
            var stats = ProducerStats()
            for service in services {
                var entry = service.writer.counters.stats(name: service.route.name)
                for (number, account) in service.accounts.enumerated() {
                    let marks = state.marks[account]
                    let lostAt = marks.lostAtNanos.load(ordering: .relaxed)
                    let endpoint = service.writer.isShared ? "*" : service.route.endpoints[number]
                    entry.replicas.append(
                        ProducerStats.Replica(
                            endpoint: endpoint, bufferedBytes: state.accounts[account].bytes, lost: marks.lost.value,
                            lostAtNanos: lostAt == 0 ? nil : lostAt,
                            connectedConnections: marks.connected.load(ordering: .relaxed)))
                }
                stats.services.append(entry)
            }
            return stats
        }
    }

    /// Forgets that a replica lost messages: what it holds is complete again, for instance because every window that
    /// was open at the loss has been flushed. `endpoint` is `*` for a SHARED service.
    public func clearIncomplete(service name: String, endpoint: String) {
        let services = control.withLock { $0.services }
        guard let service = services.first(where: { $0.route.name == name }) else { return }
        admission.state.withLock { state in
            for (number, account) in service.accounts.enumerated()
            where service.writer.isShared || service.route.endpoints[number] == endpoint {
                state.marks[account].lostAtNanos.store(0, ordering: .relaxed)
            }
        }
    }

    // MARK: Closing

    /// Admits nothing more, waits until everything is acknowledged or the deadline is over, drops the rest as closed, and
    /// closes the connections. Returns the final counts. A second call waits for nothing.
    @discardableResult
    public func close(deadline: Duration) async -> ProducerStats {
        let services = control.withLock { control -> [ServiceWriter] in
            defer { control.isClosed = true }
            return control.isClosed ? [] : control.services.map(\.writer)
        }
        admission.state.withLock { $0.isClosed = true }
        dropper.withLock { task in
            task?.cancel()
            task = nil
        }
        let end = NIODeadline.now() + TimeAmount(deadline)
        var drained: [EventLoopFuture<Void>] = []
        for service in services {
            for lane in service.lanes {
                let promise = lane.eventLoop.makePromise(of: Void.self)
                drained.append(promise.futureResult)
                lane.submit(.close(deadline: end, promise), bytes: 0)
            }
        }
        for future in drained { try? await future.get() }
        let final = stats
        for service in final.services where (service.dropped[.closed] ?? 0) > 0 {
            logger.warning(
                "closed with unacknowledged messages",
                metadata: ["service": "\(service.name)", "dropped": "\(service.dropped[.closed] ?? 0)"])
        }
        return final
    }
}
