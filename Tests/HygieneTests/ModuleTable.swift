/// The modules from the ground up. A module imports what its row names, and a row names only what stands above it.
///
/// A new module is a row here, a target in `Package.swift` and a line in `docs/architecture.md`.
enum ModuleTable {
    struct Row {
        var module: String
        /// Under `Sources`.
        var folder: String
        /// Modules of ours.
        var ours: Set<String>
        /// Modules of packages and of the toolchain.
        var others: Set<String>
        /// Whether it may deal with sockets.
        var isNetworked: Bool
        /// A row without imports is a system library or C.
        var hasSwift: Bool { !ours.isEmpty || !others.isEmpty }

        init(
            _ module: String, _ ours: Set<String> = [], others: Set<String> = [], folder: String? = nil,
            isNetworked: Bool = false
        ) {
            self.module = module
            self.folder = folder ?? module
            self.ours = ours
            self.others = others
            self.isNetworked = isNetworked
        }
    }

    /// Open to every module.
    static let system: Set<String> = ["Glibc", "Musl", "Synchronization"]
    private static let nio: Set<String> = ["NIOCore", "NIOPosix"]
    /// What protoc-gen-swift writes: it chooses between the two Foundations.
    private static let generated: Set<String> = ["SwiftProtobuf", "Foundation", "FoundationEssentials"]

    static let rows: [Row] = [
        Row("CSnappy"), Row("CProtobufC"), Row("CRocksDB"), Row("CRoaring"), Row("CZstd"), Row("COpenSSL"),
        Row("CM3Protocol"),
        Row("ControlProtocol", others: generated),
        Row("EtcdProtocol", others: generated),
        Row("Metrics"),
        Row("Telemetry"),
        Row("RegularExpressions"),
        Row("Aggregation", ["Metrics"]),
        Row("WireFormat", ["Metrics", "CSnappy", "CProtobufC", "CM3Protocol"]),
        Row("KeyValue", others: ["Dispatch"]),
        Row("Cluster", ["KeyValue", "ControlProtocol", "CZstd"], others: ["SwiftProtobuf"]),
        Row(
            "Etcd", ["Telemetry", "KeyValue", "Cluster", "EtcdProtocol"],
            others: nio.union(["NIOHTTP2", "NIOHPACK", "SwiftProtobuf", "Logging", "FoundationEssentials"]),
            isNetworked: true),
        Row(
            "Transport", ["COpenSSL", "Telemetry"],
            others: nio.union(["NIOHTTP1", "NIOTLS", "HTTPTypes", "HummingbirdCore", "Logging"]),
            isNetworked: true),
        Row("ControlAPI", ["KeyValue", "Cluster", "ControlProtocol", "Transport"], others: ["SwiftProtobuf"]),
        Row("MessageQueue", ["WireFormat", "Telemetry"], others: nio.union(["Logging"]), isNetworked: true),
        Row("Rules", ["Metrics"], others: ["Yams", "Foundation", "FoundationEssentials"]),
        Row("Aggregator", ["Metrics", "Aggregation", "WireFormat"]),
        Row(
            "NodeConfiguration", ["Metrics", "Aggregation", "Aggregator"],
            others: ["Yams", "Foundation", "FoundationEssentials"], folder: "Configuration"),
        Row("Storage", ["Metrics", "Telemetry", "RegularExpressions", "CRocksDB", "CRoaring"]),
        Row("Query", ["Metrics", "RegularExpressions"]),
        Row(
            "Coordinator",
            ["Metrics", "Telemetry", "WireFormat", "Transport", "Rules", "Storage", "Query"],
            others: ["FoundationEssentials"]),
        Row(
            "Services",
            [
                "ControlProtocol", "Metrics", "Telemetry", "WireFormat", "KeyValue", "Cluster", "Etcd", "Transport",
                "MessageQueue", "Rules", "Aggregator", "NodeConfiguration", "Storage", "Query", "Coordinator",
                "ControlAPI",
            ], others: nio.union(["SwiftProtobuf", "Logging", "Dispatch", "FoundationEssentials"]), isNetworked: true),
        Row(
            "m3agg",
            [
                "Services", "NodeConfiguration", "ControlAPI", "KeyValue", "Cluster", "Etcd", "Coordinator",
                "Transport", "Metrics", "WireFormat", "MessageQueue", "Telemetry",
            ],
            others: nio.union(["ArgumentParser", "Logging", "Dispatch", "FoundationEssentials"]), isNetworked: true),
    ]
}
