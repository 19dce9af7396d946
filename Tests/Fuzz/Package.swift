// swift-tools-version:6.2
import PackageDescription

// A package of its own, because everything in it is built with coverage for libFuzzer: see scripts/fuzz.sh.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let package = Package(
    name: "fuzz",
    dependencies: [.package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2")],
    targets: [
        .systemLibrary(name: "CSnappy"),
        .systemLibrary(name: "CProtobufC"),
        .target(name: "CM3Protocol", dependencies: ["CProtobufC"], exclude: ["proto"]),
        .target(name: "Metrics", swiftSettings: settings),
        .target(
            name: "WireFormat", dependencies: ["Metrics", "CSnappy", "CProtobufC", "CM3Protocol"],
            swiftSettings: settings),
        .target(name: "Aggregation", dependencies: ["Metrics"], swiftSettings: settings),
        .target(name: "Aggregator", dependencies: ["Metrics", "Aggregation", "WireFormat"], swiftSettings: settings),
        .target(
            name: "NodeConfiguration",
            dependencies: ["Metrics", "Aggregation", "Aggregator", .product(name: "Yams", package: "Yams")],
            path: "Sources/Configuration", swiftSettings: settings),
        .executableTarget(
            name: "WireFormatFuzzer", dependencies: ["WireFormat"], path: "WireFormatFuzzer",
            swiftSettings: settings),
        .executableTarget(
            name: "ConfigurationFuzzer", dependencies: ["NodeConfiguration"], path: "ConfigurationFuzzer",
            swiftSettings: settings),
    ]
)
