// swift-tools-version:6.2
import PackageDescription

// A package of its own, because everything in it is built with coverage for libFuzzer: see scripts/fuzz.sh.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let package = Package(
    name: "fuzz",
    targets: [
        .systemLibrary(name: "CSnappy"),
        .systemLibrary(name: "CProtobufC"),
        .target(name: "CM3Protocol", dependencies: ["CProtobufC"], exclude: ["proto"]),
        .target(name: "Metrics", swiftSettings: settings),
        .target(
            name: "WireFormat", dependencies: ["Metrics", "CSnappy", "CProtobufC", "CM3Protocol"],
            swiftSettings: settings),
        .executableTarget(
            name: "WireFormatFuzzer", dependencies: ["WireFormat"], path: "WireFormatFuzzer",
            swiftSettings: settings),
    ]
)
