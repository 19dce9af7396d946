// swift-tools-version:6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let http2: [Target.Dependency] = [
    .product(name: "NIOHTTP2", package: "swift-nio-http2"),
    .product(name: "NIOHPACK", package: "swift-nio-http2"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

/// `Tests/NAMETests`, which may use the module, TestKit and what else is listed.
func tests(_ name: String, _ more: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name), "TestKit"] + more, swiftSettings: settings)
}

// Modules from the ground up: each imports only what stands above it (Tests/HygieneTests holds the table).
let package = Package(
    name: "m3agg",
    products: [
        .executable(name: "m3agg", targets: ["m3agg"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf.git", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(name: "CProtobufC", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CRocksDB", providers: [.apt(["librocksdb-dev"])]),
        .systemLibrary(name: "CRoaring", providers: [.apt(["libroaring-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .target(name: "CM3Protocol", dependencies: ["CProtobufC"], exclude: ["proto"]),
        .target(
            name: "ControlProtocol",
            dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["proto"], swiftSettings: settings),
        .target(name: "Metrics", swiftSettings: settings),
        .target(name: "Telemetry", swiftSettings: settings),
        .target(name: "RegularExpressions", swiftSettings: settings),
        .target(name: "Aggregation", dependencies: ["Metrics"], swiftSettings: settings),
        .target(
            name: "WireFormat", dependencies: ["Metrics", "CSnappy", "CProtobufC", "CM3Protocol"],
            swiftSettings: settings),
        .target(name: "KeyValue", swiftSettings: settings),
        .target(
            name: "Cluster",
            dependencies: [
                "CZstd", "KeyValue", "ControlProtocol", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], swiftSettings: settings),
        .target(
            name: "EtcdProtocol",
            dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["proto"], swiftSettings: settings),
        .target(
            name: "Etcd",
            dependencies: ["Telemetry", "KeyValue", "Cluster", "EtcdProtocol", logging]
                + [.product(name: "SwiftProtobuf", package: "swift-protobuf")] + nio + http2,
            swiftSettings: settings),
        .target(
            name: "Transport",
            dependencies: [
                "COpenSSL", "Telemetry", logging, .product(name: "HummingbirdCore", package: "hummingbird"),
                // Only for the alias: swift-metrics, which hummingbird brings along, has a module named Metrics too.
                .product(name: "Hummingbird", package: "hummingbird", moduleAliases: ["Metrics": "SwiftMetrics"]),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOTLS", package: "swift-nio"),
            ] + nio, swiftSettings: settings),
        .target(
            name: "ControlAPI",
            dependencies: [
                "KeyValue", "Cluster", "ControlProtocol", "Transport",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], swiftSettings: settings),
        .target(
            name: "MessageQueue", dependencies: ["WireFormat", "Telemetry", logging] + nio, swiftSettings: settings),
        .target(
            name: "Rules", dependencies: ["Metrics", .product(name: "Yams", package: "Yams")], swiftSettings: settings),
        .target(name: "Aggregator", dependencies: ["Metrics", "Aggregation", "WireFormat"], swiftSettings: settings),
        // Not Configuration: a package that hummingbird brings along has a module of that name.
        .target(
            name: "NodeConfiguration",
            dependencies: ["Metrics", "Aggregation", "Aggregator", .product(name: "Yams", package: "Yams")],
            path: "Sources/Configuration", swiftSettings: settings),
        .target(
            name: "Storage", dependencies: ["Metrics", "Telemetry", "RegularExpressions", "CRocksDB", "CRoaring"],
            swiftSettings: settings),
        .target(name: "Query", dependencies: ["Metrics", "RegularExpressions"], swiftSettings: settings),
        .target(
            name: "Coordinator",
            dependencies: ["Metrics", "Telemetry", "WireFormat", "Transport", "Rules", "Storage", "Query"],
            swiftSettings: settings),
        .target(
            name: "Services",
            dependencies: [
                "Metrics", "Telemetry", "WireFormat", "KeyValue", "Cluster", "Transport", "MessageQueue", "Rules",
                "Aggregation", "Aggregator", "NodeConfiguration", "ControlProtocol", "Etcd", "Storage", "Query",
                "Coordinator", "ControlAPI", logging, .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ] + nio, swiftSettings: settings),
        .executableTarget(
            name: "m3agg",
            dependencies: [
                "Services", "NodeConfiguration", "ControlAPI", "KeyValue", "Cluster", "Etcd", "Coordinator",
                "Transport",
                "Query", "Metrics", "WireFormat",
                "MessageQueue", "Telemetry",
                logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + nio, swiftSettings: settings),
        .executableTarget(
            name: "m3agg-bench",
            dependencies: [
                "Services", "Aggregator", "MessageQueue", "Storage", "Transport", "WireFormat", "Metrics", "Telemetry",
                "KeyValue", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + nio, path: "Benchmarks/m3agg-bench", swiftSettings: settings),
        .target(name: "TestKit", path: "Tests/TestKit", swiftSettings: settings),
        // M3's worked examples of aggregation, for the core and for a node.
        .target(
            name: "AggregatorExamples", dependencies: ["Metrics", "Aggregation", "WireFormat", "Aggregator"],
            path: "Tests/AggregatorExamples", swiftSettings: settings),
        .testTarget(name: "HygieneTests", swiftSettings: settings),
        tests("Metrics"),
        tests("Telemetry"),
        tests("RegularExpressions"),
        tests("Aggregation", ["Metrics"]),
        tests("WireFormat", ["Metrics"]),
        tests("KeyValue"),
        tests("Cluster", ["KeyValue", "ControlProtocol"]),
        tests("Etcd", ["Telemetry", "KeyValue", "Cluster", "EtcdProtocol", logging] + nio),
        // With what TLS is for.
        tests(
            "Transport",
            [
                "Telemetry", "MessageQueue", "WireFormat", "Etcd", "Cluster", "KeyValue", logging,
                .product(name: "NIOTLS", package: "swift-nio"),
            ] + nio),
        tests(
            "ControlAPI",
            ["KeyValue", "Cluster", "Etcd", "ControlProtocol", "Transport", "Telemetry", logging]
                + [.product(name: "SwiftProtobuf", package: "swift-protobuf")] + nio),
        tests("MessageQueue", ["WireFormat", "Telemetry", logging] + nio),
        tests("Rules", ["Metrics"]),
        tests("Aggregator", ["AggregatorExamples", "Metrics", "Aggregation", "WireFormat"]),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["NodeConfiguration", "TestKit", "Metrics", "Aggregation", "Aggregator"],
            swiftSettings: settings),
        tests("Storage", ["Metrics", "Telemetry"]),
        tests("Query", ["Metrics"]),
        tests("Coordinator", ["Metrics", "Telemetry", "WireFormat", "Rules", "Storage", "Query", "Transport"]),
        tests(
            "Services",
            [
                "Metrics", "Telemetry", "WireFormat", "KeyValue", "Cluster", "Transport", "MessageQueue", "Rules",
                "Aggregator", "NodeConfiguration", "ControlProtocol", "Storage", "Coordinator", logging,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ] + nio),
        tests(
            "m3agg",
            [
                "Services", "NodeConfiguration", "Metrics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "m3agg", "TestKit", "Services", "Metrics", "Telemetry", "KeyValue", "Cluster", "WireFormat",
                "MessageQueue", "Aggregation",
                "Aggregator", "AggregatorExamples", logging,
            ] + nio, swiftSettings: settings),
    ]
)
