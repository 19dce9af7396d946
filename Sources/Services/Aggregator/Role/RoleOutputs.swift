import Cluster
import Logging
import MessageQueue
import NIOCore
import NodeConfiguration
import Telemetry

/// The producers of aggregated metrics, and what of a flush each of them gets.
struct RoleOutputs {
    private(set) var producers: [TopicProducer] = []
    private(set) var destinations: [FlushDestination] = []

    /// - Parameter numShards: by which flushes name the shards of aggregated metrics.
    /// - Throws: ``RoleFailure``, errors of the topics and of their placements.
    mutating func start(
        _ configuration: AggregatorConfiguration, numShards: UInt32, cluster: RoleCluster, group: any EventLoopGroup,
        registry: Registry, logger: Logger, started: inout StartedParts
    ) async throws {
        for output in configuration.outputs {
            switch output {
            case .m3msg(let output):
                let ownShards = try await cluster.numberOfShards(output.producer)
                let name = output.name.isEmpty ? "output" : output.name
                for part in Self.parts(output) {
                    var routes = try cluster.routes(output.producer)
                    routes.accepts = part.accepts
                    let made = try await TopicProducer.start(
                        topic: output.producer.topic, routes: routes,
                        options: RoleSettings.producer(output.producer, name: name), group: group, registry: registry,
                        logger: logger)
                    started.add { await made.close(deadline: .zero) }
                    producers.append(made)
                    guard !part.filter.isEmpty || ownShards != numShards else {
                        destinations.append(made.destination)
                        continue
                    }
                    let selection = OutputSelection(
                        filter: part.filter, numShards: ownShards == numShards ? nil : ownShards, output: name,
                        registry: registry)
                    destinations.append(
                        .selected(selection, made.producer, maxBufferBytes: made.options.maxBufferBytes))
                }
            case .blackhole(let name): destinations.append(.blackhole(name: name))
            case .log(let name): destinations.append(.log(name: name))
            }
        }
    }

    struct Part: Sendable {
        var filter: OutputFilter
        /// Which of the topic's consumer services it serves.
        var accepts: @Sendable (ServiceID) -> Bool
    }

    /// A part for each consumer service that has filters, and one for all others.
    static func parts(_ output: AggregatorConfiguration.M3MsgOutput) -> [Part] {
        var filters: [(service: ServiceName, filter: OutputFilter)] = []
        func change(_ service: ServiceName, _ body: (inout OutputFilter) -> Void) {
            if let index = filters.firstIndex(where: { $0.service == service }) {
                body(&filters[index].filter)
            } else {
                var filter = OutputFilter()
                body(&filter)
                filters.append((service, filter))
            }
        }
        for item in output.shardSetFilters { change(item.service) { $0.shardSets.append(item.shards) } }
        for item in output.storagePolicyFilters { change(item.service) { $0.storagePolicies.append(item.policies) } }
        for item in output.percentageFilters { change(item.service) { $0.shares.append(item.share) } }
        let services = filters.map(\.service)
        var parts = filters.enumerated().map { index, item in
            Part(filter: item.filter) { id in services.firstIndex { $0.matches(id) } == index }
        }
        parts.append(Part(filter: OutputFilter()) { id in !services.contains { $0.matches(id) } })
        return parts
    }
}

extension ServiceName {
    /// Whether it names the service; what it leaves out may be anything.
    func matches(_ id: ServiceID) -> Bool {
        name == id.name && (environment.isEmpty || environment == id.environment) && (zone.isEmpty || zone == id.zone)
    }
}
