public import Metrics

/// Metadata of scripts as text.
///
///     metadata: stage [";" stage …], or "none"
///     stage:    ["cutover" SECONDS] ["tombstoned"] [pipeline "|" pipeline …]
///     pipeline: TYPES|"Default" ["on" POLICIES] ["do" OP …] ["drop"] ["resend"] ["routing" MASK]
///     op:       Absolute PerSecond Increase Add Reset, or ID(TYPES) for a rollup
public enum MetadataText {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    public static func staged(_ text: String) throws -> [StagedMetadata] {
        if text == "none" { return [] }
        return try text.split(separator: ";").map { try stage(words($0)) }
    }

    private static func stage(_ words: [String]) throws -> StagedMetadata {
        var words = words[...]
        var stage = StagedMetadata()
        if words.first == "cutover" {
            stage.cutoverNanos = try Seconds.nanos(words.dropFirst().first ?? "")
            words = words.dropFirst(2)
        }
        if words.first == "tombstoned" {
            stage.tombstoned = true
            words = words.dropFirst()
        }
        if !words.isEmpty { stage.pipelines = try words.split(separator: "|").map { try pipeline(Array($0)) } }
        return stage
    }

    public static func pipeline(_ text: String) throws -> PipelineMetadata { try pipeline(words(text[...])) }

    private static func pipeline(_ words: [String]) throws -> PipelineMetadata {
        var words = words[...]
        guard let types = words.popFirst() else { throw Failure(description: "a pipeline has no types") }
        var pipeline = PipelineMetadata(aggregationID: try aggregationID(types))
        if words.dropLast().last == "routing" {
            guard let mask = words.popLast().flatMap({ UInt64($0) }) else {
                throw Failure(description: "a routing has no mask")
            }
            pipeline.routingTrafficTypes = mask
            words = words.dropLast()
        }
        if words.last == "resend" {
            pipeline.resendEnabled = true
            words = words.dropLast()
        }
        if words.last == "drop" {
            pipeline.dropPolicy = .must
            words = words.dropLast()
        }
        if words.first == "on" {
            pipeline.storagePolicies = try words.dropFirst().prefix(1).flatMap { policies in
                try policies.split(separator: ",").map { try StoragePolicy(parsing: String($0)) }
            }
            words = words.dropFirst(2)
        }
        if words.first == "do" {
            pipeline.pipeline = AppliedPipeline(try words.dropFirst().map(op))
            words = []
        }
        guard words.isEmpty else { throw Failure(description: "\(words) is no part of a pipeline") }
        return pipeline
    }

    private static func op(_ text: String) throws -> PipelineOp {
        if let type = TransformationType.allCases.first(where: { $0.name == text }) { return .transformation(type) }
        guard let open = text.firstIndex(of: "("), text.hasSuffix(")") else {
            throw Failure(description: "\(text) is no step of a pipeline")
        }
        return .rollup(
            id: Array(text[..<open].utf8),
            aggregationID: try aggregationID(String(text[text.index(after: open)...].dropLast())))
    }

    public static func aggregationID(_ text: String) throws -> AggregationID {
        if text == "Default" { return .default }
        if let bits = UInt64(text) { return AggregationID(rawValue: bits) }
        return AggregationID(try AggregationType.list(parsing: text))
    }

    private static func words(_ text: Substring) -> [String] { text.split(separator: " ").map(String.init) }
}

/// Times of scripts: decimal seconds since 1970.
public enum Seconds {
    public static func nanos(_ text: some StringProtocol) throws -> Int64 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        guard (1...2).contains(parts.count), fraction.count <= 9, let whole = Int64(parts[0]),
            let nanos = Int64(fraction + String(repeating: "0", count: 9 - fraction.count))
        else { throw MetadataText.Failure(description: "\(text) is no time") }
        return whole * 1_000_000_000 + nanos
    }

    public static func text(_ nanos: Int64) -> String {
        let fraction = nanos % 1_000_000_000
        guard fraction != 0 else { return "\(nanos / 1_000_000_000)" }
        var digits = String(fraction)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(nanos / 1_000_000_000).\(digits)"
    }
}
