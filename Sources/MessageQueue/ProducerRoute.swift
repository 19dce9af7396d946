/// Where the messages of a topic go: a topic's consumer services with their placements resolved to endpoints.
///
/// Plain values without a source of their own: whoever watches topics and placements makes a new route and hands it to
/// ``Producer/update(route:)``. Source: `docs/message-queue.md`, "Routes".
public struct ProducerRoute: Sendable, Equatable {
    /// How the instances of a consumer service share the work.
    public enum Consumption: Sendable, Equatable {
        /// Any one of the responsible instances takes a message.
        case shared
        /// Each responsible instance takes a copy of its own.
        case replicated
    }

    /// An instance that is responsible for a shard.
    public struct Target: Sendable, Equatable {
        /// `host:port`, an IPv6 host in brackets.
        public var endpoint: String
        /// First moment, in nanoseconds since 1970, from which a replica takes messages of the shard. 0 is always.
        public var cutoverNanos: Int64
        /// First moment, in nanoseconds since 1970, from which a replica takes no more. `Int64.max` is never.
        public var cutoffNanos: Int64

        public init(endpoint: String, cutoverNanos: Int64 = 0, cutoffNanos: Int64 = .max) {
            self.endpoint = endpoint
            self.cutoverNanos = cutoverNanos
            self.cutoffNanos = cutoffNanos
        }
    }

    public struct ConsumerService: Sendable, Equatable {
        /// Identity across updates, such as `m3aggregator/default_env/embedded`; label `service` on metrics.
        public var name: String
        public var consumption: Consumption
        /// Time from admission after which a message is given up, in nanoseconds; 0 is never.
        public var messageTTLNanos: Int64
        /// The responsible instances by shard; its count is the topic's number of shards.
        public var targets: [[Target]]

        public init(name: String, consumption: Consumption, messageTTLNanos: Int64 = 0, targets: [[Target]]) {
            self.name = name
            self.consumption = consumption
            self.messageTTLNanos = messageTTLNanos
            self.targets = targets
        }

        /// Every endpoint is responsible for every shard.
        public init(
            name: String, consumption: Consumption, messageTTLNanos: Int64 = 0, numberOfShards: Int, endpoints: [String]
        ) {
            self.init(
                name: name, consumption: consumption, messageTTLNanos: messageTTLNanos,
                targets: Array(repeating: endpoints.map { Target(endpoint: $0) }, count: max(0, numberOfShards)))
        }
    }

    public var topic: String
    /// Number of shards of the topic; it can't change while a producer runs.
    public var numberOfShards: Int
    public var services: [ConsumerService]

    public init(topic: String, numberOfShards: Int, services: [ConsumerService]) {
        self.topic = topic
        self.numberOfShards = numberOfShards
        self.services = services
    }

    static let maxShards = 65_536
    static let maxServices = 64
    static let maxEndpointsPerService = 1_024

    /// Throws ``ProducerRouteError`` for a route that no producer can follow.
    public func validate() throws(ProducerRouteError) {
        guard !topic.isEmpty else { throw .emptyTopic }
        guard numberOfShards > 0, numberOfShards <= Self.maxShards else {
            throw .shardCount(numberOfShards, limit: Self.maxShards)
        }
        guard services.count <= Self.maxServices else {
            throw .tooManyServices(services.count, limit: Self.maxServices)
        }
        var names: Set<String> = []
        for service in services {
            guard names.insert(service.name).inserted else { throw .duplicateService(service.name) }
            guard service.targets.count == numberOfShards else {
                throw .targetCount(service: service.name, count: service.targets.count, shards: numberOfShards)
            }
            guard service.messageTTLNanos >= 0 else {
                throw .negativeTTL(service: service.name, service.messageTTLNanos)
            }
            var endpoints: Set<String> = []
            for (shard, targets) in service.targets.enumerated() {
                var ofShard: Set<String> = []
                for target in targets {
                    if endpoints.insert(target.endpoint).inserted {
                        guard Endpoint(target.endpoint) != nil else {
                            throw .badEndpoint(service: service.name, target.endpoint)
                        }
                    }
                    guard ofShard.insert(target.endpoint).inserted else {
                        throw .duplicateTarget(service: service.name, shard: shard, endpoint: target.endpoint)
                    }
                }
            }
            guard endpoints.count <= Self.maxEndpointsPerService else {
                throw .tooManyEndpoints(service: service.name, endpoints.count, limit: Self.maxEndpointsPerService)
            }
        }
    }
}

/// A host and a port.
struct Endpoint: Hashable, Sendable {
    let host: String
    let port: Int

    /// Parses `host:port` or `[v6]:port`; nil when it is neither.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }
}

/// Why a route was refused; the route in use stays.
public enum ProducerRouteError: Error, Equatable, Sendable, CustomStringConvertible {
    case emptyTopic
    case shardCount(Int, limit: Int)
    case shardCountChanged(from: Int, to: Int)
    case tooManyServices(Int, limit: Int)
    case duplicateService(String)
    case targetCount(service: String, count: Int, shards: Int)
    case negativeTTL(service: String, Int64)
    case badEndpoint(service: String, String)
    case duplicateTarget(service: String, shard: Int, endpoint: String)
    case tooManyEndpoints(service: String, Int, limit: Int)
    case closed

    public var description: String {
        switch self {
        case .emptyTopic: "route: the topic name is empty; name the topic"
        case .shardCount(let count, let limit): "route: number of shards is \(count); it must be 1 to \(limit)"
        case .shardCountChanged(let from, let to):
            "route: number of shards changed from \(from) to \(to); a running producer keeps its number, start a new one"
        case .tooManyServices(let count, let limit): "route: \(count) consumer services; at most \(limit) are allowed"
        case .duplicateService(let name): "route: consumer service \(name) is listed twice; list it once"
        case .targetCount(let service, let count, let shards):
            "route: consumer service \(service) has targets for \(count) shards; the topic has \(shards)"
        case .negativeTTL(let service, let ttl):
            "route: consumer service \(service) has message TTL \(ttl) ns; it must be 0 (none) or positive"
        case .badEndpoint(let service, let endpoint):
            "route: consumer service \(service) has endpoint \"\(endpoint)\"; it must be host:port"
        case .duplicateTarget(let service, let shard, let endpoint):
            "route: consumer service \(service) lists \(endpoint) twice for shard \(shard); list it once"
        case .tooManyEndpoints(let service, let count, let limit):
            "route: consumer service \(service) has \(count) endpoints; at most \(limit) are allowed"
        case .closed: "route: the producer is closed"
        }
    }
}
