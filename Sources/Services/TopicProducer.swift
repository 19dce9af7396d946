import Cluster
import KeyValue
import Logging
import MessageQueue
import NIOCore
import Synchronization
import Telemetry

/// A producer of a topic that follows the topic and the placements of its consumers while they change.
final class TopicProducer: Sendable {
    let producer: Producer
    let options: ProducerOptions
    private let routes: TopicRoutes
    private let topic: String
    private let logger: Logger
    private let tasks = Mutex<[Task<Void, Never>]>([])

    private init(producer: Producer, options: ProducerOptions, routes: TopicRoutes, topic: String, logger: Logger) {
        self.producer = producer
        self.options = options
        self.routes = routes
        self.topic = topic
        self.logger = logger
    }

    /// - Throws: ``TopicRoutes/Failure``, ``Cluster/ClusterError``, ``MessageQueue/ProducerRouteError``
    static func start(
        topic: String, routes: TopicRoutes, options: ProducerOptions, group: any EventLoopGroup, registry: Registry,
        logger: Logger
    ) async throws -> TopicProducer {
        let route = try await routes.route(topic)
        let producer = try Producer.start(
            route: route, options: options, group: group, registry: registry, logger: logger)
        let made = TopicProducer(producer: producer, options: options, routes: routes, topic: topic, logger: logger)
        try await made.follow(route)
        return made
    }

    /// Where a flush publishes.
    var destination: FlushDestination { .topic(producer, maxBufferBytes: options.maxBufferBytes) }

    private func follow(_ route: ProducerRoute) async throws {
        let topics = try await routes.topics.watch(topic)
        let first = Task { [weak self] in
            var watched: [ServiceID: Task<Void, Never>] = [:]
            for await update in topics {
                guard let self, !Task.isCancelled else { break }
                guard case .value(let topic) = update else { continue }
                let services = Set(topic.value.consumerServices.map(\.serviceID))
                for gone in Set(watched.keys).subtracting(services) { watched.removeValue(forKey: gone)?.cancel() }
                for service in services where watched[service] == nil { watched[service] = self.watch(service) }
                await self.refresh()
            }
            for task in watched.values { task.cancel() }
        }
        tasks.withLock { $0.append(first) }
    }

    private func watch(_ service: ServiceID) -> Task<Void, Never> {
        let task = Task { [weak self, routes, logger] in
            do {
                for await _ in try await routes.placements(of: service).watch() {
                    guard let self, !Task.isCancelled else { return }
                    await self.refresh()
                }
            } catch {
                logger.error("a placement can't be watched", metadata: ["service": "\(service)", "error": "\(error)"])
            }
        }
        tasks.withLock { $0.append(task) }
        return task
    }

    /// Takes the route that the control plane has now; a route that can't be followed leaves the one in use.
    private func refresh() async {
        do {
            try producer.update(route: try await routes.route(topic))
        } catch ProducerRouteError.closed {
            return
        } catch {
            logger.warning("a new route was refused", metadata: ["topic": "\(topic)", "error": "\(error)"])
        }
    }

    /// Stops following, then closes the producer.
    @discardableResult
    func close(deadline: Duration) async -> ProducerStats {
        for task in tasks.withLock({ $0 }) { task.cancel() }
        return await producer.close(deadline: deadline)
    }
}
