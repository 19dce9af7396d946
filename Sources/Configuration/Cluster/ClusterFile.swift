#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A cluster as a file describes it: who is in it and which topics connect them. Source: `docs/cluster.md`.
public struct ClusterFile: Sendable, Equatable {
    public struct Instance: Sendable, Equatable {
        public var id: String
        /// `host:port`.
        public var endpoint: String
        public var isolationGroup: String
        public var weight: UInt32
    }

    public enum Consumption: String, Sendable, CaseIterable {
        case shared = "SHARED"
        case replicated = "REPLICATED"
    }

    public struct Consumer: Sendable, Equatable {
        public var service: String
        public var consumption: Consumption
        public var messageTTLNanos: Int64
    }

    public struct Topic: Sendable, Equatable {
        public var name: String
        public var numShards: UInt32
        public var consumers: [Consumer]
    }

    public var environment: String
    public var zone: String
    public var numShards: UInt32
    public var replicas: UInt32
    public var aggregators: [Instance]
    public var coordinators: [Instance]
    public var topics: [Topic]

    /// - Parameter environment: the variables that the file may refer to.
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong in the file.
    public static func load(
        file: String, environment: [String: String]
    ) throws(ConfigurationErrors) -> ClusterFile {
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        } catch {
            throw ConfigurationErrors([
                Reader.diagnostic(
                    .error, .file(file, line: 0, column: 0), field: "", value: nil, Diagnostic.unreadableFile,
                    "check that it exists and may be read")
            ])
        }
        return try read(bytes, file: file, environment: environment)
    }

    /// Reads a text as if it were a file.
    public static func read(
        _ bytes: [UInt8], file: String, environment: [String: String]
    ) throws(ConfigurationErrors) -> ClusterFile {
        let reader = Reader()
        guard bytes.count <= ConfigParser.maxFileBytes else {
            throw ConfigurationErrors([
                Reader.diagnostic(
                    .error, .file(file, line: 0, column: 0), field: "", value: nil,
                    "\(bytes.count) bytes are too many", "keep it below \(ConfigParser.maxFileBytes) bytes")
            ])
        }
        var parser = ConfigParser(file: file, bytes: bytes, environment: environment)
        let node = parser.parse()
        reader.report(parser.diagnostics)
        if reader.hasErrors { throw reader.errors() }
        let root = Section(reader: reader, path: [], node: node.flatMap { $0.isNull ? nil : $0 })
        if let node, !node.isNull, case .mapping = node.content {
        } else {
            reader.report(
                Reader.diagnostic(
                    .error, .file(file, line: 1, column: 1), field: "", value: nil, "no mapping is there",
                    "write 'aggregators:' and 'coordinators:' with their instances"))
            throw reader.errors()
        }
        let result = read(root)
        root.reportUnknownKeys()
        if reader.hasErrors { throw reader.errors() }
        return result
    }

    private static let standardTTL: Int64 = 300_000_000_000

    private static func read(_ root: Section) -> ClusterFile {
        var result = ClusterFile(
            environment: root.string("environment", default: "default_env"),
            zone: root.string("zone", default: "embedded"), numShards: 0, replicas: 0, aggregators: [],
            coordinators: [], topics: [])
        root.section("aggregators") { section in
            result.numShards = UInt32(section.int("numShards", default: 64, in: 1...65_536))
            result.replicas = UInt32(section.int("replicas", default: 2, in: 1...16))
            result.aggregators = instances(section, standardWeight: 100)
        }
        root.section("coordinators") { section in
            result.coordinators = instances(section, standardWeight: 0)
        }
        let shards = result.numShards
        result.topics =
            root.sections("topics") { section -> Topic? in topic(of: section, numShards: shards) }
            ?? standardTopics(numShards: shards)
        var names: Set<String> = []
        for topic in result.topics where !names.insert(topic.name).inserted {
            root.fail("topics", "'\(topic.name)' is described twice", "describe each topic once")
        }
        return result
    }

    private static func instances(_ section: Section, standardWeight: Int) -> [Instance] {
        let list =
            section.sections("instances") { section -> Instance? in
                let id = section.required("id", example: "aggregator-1")
                let endpoint = section.required("endpoint", example: "aggregator-1:6000")
                return Instance(
                    id: id, endpoint: endpoint, isolationGroup: section.string("isolationGroup", default: id),
                    weight: UInt32(section.int("weight", default: standardWeight, in: 0...1_000_000)))
            } ?? []
        if list.isEmpty {
            section.fail("instances", "no instance is described", "list at least one, with id and endpoint")
        }
        var ids: Set<String> = []
        for instance in list where !ids.insert(instance.id).inserted {
            section.fail("instances", "'\(instance.id)' is listed twice", "give each instance an id of its own")
        }
        return list
    }

    private static func topic(of section: Section, numShards: UInt32) -> Topic {
        Topic(
            name: section.required("name", example: "aggregator_ingest"),
            numShards: UInt32(section.int("numShards", default: Int(numShards), in: 1...65_536)),
            consumers: section.sections("consumers") { section -> Consumer? in
                Consumer(
                    service: section.required("service", example: "m3aggregator"),
                    consumption: section.choice("consumptionType", default: Consumption.shared),
                    messageTTLNanos: section.duration("messageTTL", default: standardTTL))
            } ?? [])
    }

    /// What connects coordinators and aggregators unless the file describes topics itself.
    private static func standardTopics(numShards: UInt32) -> [Topic] {
        [
            Topic(
                name: "aggregator_ingest", numShards: numShards,
                consumers: [
                    Consumer(service: "m3aggregator", consumption: .replicated, messageTTLNanos: standardTTL)
                ]),
            Topic(
                name: "aggregated_metrics", numShards: numShards,
                consumers: [
                    Consumer(service: "m3coordinator", consumption: .shared, messageTTLNanos: standardTTL)
                ]),
        ]
    }
}
