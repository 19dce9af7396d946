import Foundation
import Metrics
import TestKit
import Testing
import WireFormat

/// One line of the captured vectors, with typed access: what is absent or of another type fails the test.
struct Line {
    let object: [String: Any]

    init(_ object: [String: Any]) { self.object = object }

    init(_ any: Any?) throws { object = try #require(any as? [String: Any]) }

    init(_ vector: VectorLine) throws { object = try vector.object() }

    static func all(_ file: String) throws -> [Line] { try Fixtures.vectors(file).map { Line($0) } }

    func has(_ key: String) -> Bool { object[key] != nil }

    func line(_ key: String) throws -> Line { try Line(object[key]) }

    func lines(_ key: String) throws -> [Line] {
        if object[key] is NSNull { return [] }
        return try #require(object[key] as? [Any]).map { try Line($0) }
    }

    func string(_ key: String) throws -> String { try #require(object[key] as? String, "\(key) in \(object)") }

    func bytes(_ key: String) throws -> [UInt8] { try #require(Fixtures.bytes(hex: try string(key))) }

    /// An integer that stands as a number or as text.
    func int64(_ key: String) throws -> Int64 {
        if let text = object[key] as? String { return try #require(Int64(text)) }
        return try #require(object[key] as? NSNumber).int64Value
    }

    func uint64(_ key: String) throws -> UInt64 {
        if let text = object[key] as? String { return try #require(UInt64(text)) }
        return try #require(object[key] as? NSNumber).uint64Value
    }

    func bool(_ key: String) throws -> Bool { try #require(object[key] as? Bool) }

    func double(_ key: String) throws -> Double { try #require(Fixtures.double(object[key])) }

    func doubles(_ key: String) throws -> [Double] {
        if object[key] is NSNull { return [] }
        return try #require(object[key] as? [Any]).map { try #require(Fixtures.double($0)) }
    }

    /// Whether an id is the one of the line; a very long one stands there by its length only.
    func isID(_ id: [UInt8]) throws -> Bool {
        let expected = try line("id")
        guard try expected.int64("len") == id.count else { return false }
        return expected.has("hex") ? try expected.bytes("hex") == id : id.count > 1_000
    }

    func metricType(_ key: String) throws -> MetricType {
        let name = try string(key)
        return try #require(MetricType.allCases.first { $0.name == name })
    }

    func aggregationID() throws -> AggregationID {
        AggregationID(rawValue: try line("aggregation").uint64("id"))
    }

    func storagePolicyFigures() throws -> StoragePolicy {
        StoragePolicy(
            resolutionNanos: try int64("window_nanos"), precisionNanos: try int64("precision_nanos"),
            retentionNanos: try int64("retention_nanos"))
    }

    func pipeline(_ key: String) throws -> AppliedPipeline {
        AppliedPipeline(
            try lines(key).map { op in
                if op.has("rollup") {
                    return .rollup(id: try op.line("rollup").bytes("hex"), aggregationID: try op.aggregationID())
                }
                return .transformation(try TransformationType(name: try op.string("transformation")))
            })
    }

    func stagedMetadatas(_ key: String) throws -> [StagedMetadata] {
        try lines(key).map { stage in
            StagedMetadata(
                cutoverNanos: try stage.int64("cutover_nanos"), tombstoned: try stage.bool("tombstoned"),
                pipelines: try stage.lines("pipelines").map { pipeline in
                    PipelineMetadata(
                        aggregationID: try pipeline.aggregationID(),
                        storagePolicies: try pipeline.lines("storage_policies").map { try $0.storagePolicyFigures() },
                        pipeline: try pipeline.pipeline("pipeline"),
                        dropPolicy: try #require(DropPolicy(rawValue: try pipeline.uint64("drop_policy"))),
                        resendEnabled: try pipeline.bool("resend_enabled"),
                        routingTrafficTypes: try pipeline.uint64("routing_traffic_types"))
                })
        }
    }
}

/// Encodes through a writer.
func written<E: Error>(_ body: (inout ByteWriter) throws(E) -> Void) throws(E) -> [UInt8] {
    var writer = ByteWriter()
    try body(&writer)
    return writer.array()
}

/// Whether two lists of floats are the same, zeros by their sign too and all NaNs alike: text has no NaN payloads.
func sameValues(_ a: [Double], _ b: [Double]) -> Bool {
    a.elementsEqual(b) { ($0.isNaN && $1.isNaN) || $0.bitPattern == $1.bitPattern }
}
