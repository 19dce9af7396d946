import Coordinator
import Metrics
import Rules
import TestKit
import WireFormat

/// Runs rules over series given as text, and reads back what would be sent.
struct DownsampleHarness {
    struct Sent: Equatable, Hashable {
        var shard: UInt32
        var payload: [UInt8]
        var kind: PayloadKind
        var type: MetricType
        var id: [UInt8]
        var timeNanos: Int64
        var value: Double
        var annotation: [UInt8]
        var metadata: [UInt8]

        func labels() throws -> String { try Labels(encodedTags: id).description }

        func pipelines() throws -> [PipelineMetadata] { try stages().flatMap(\.pipelines) }

        func stages() throws -> [StagedMetadata] {
            let span = metadata.span.bytes
            return try MetadataCodec.stagedMetadatas(span, in: .all(of: span))
        }
    }

    let downsampler: Downsampler
    let handler: RemoteWriteHandler
    var nowNanos: Int64 = 1_700_000_000_000_000_000

    init(_ yaml: String = "", cutoverNanos: Int64 = 0, options: DownsamplerOptions = DownsamplerOptions()) throws {
        let rules = try RuleFiles([("test.yaml", yaml)]).ruleSet(version: 1, cutoverNanos: cutoverNanos)
        downsampler = Downsampler(rules: rules, options: options)
        handler = RemoteWriteHandler(downsampler: downsampler)
    }

    /// Labels out of `a=1 b=2`, in the order given.
    static func labels(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: " ").map {
            let parts = $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    /// A request of one series. M3's own type fields are appended when given.
    static func request(
        _ labels: [(name: String, value: String)], _ samples: [(Int64, Double)], m3Type: UInt8 = 0,
        prometheusType: Int32 = 0
    ) -> [UInt8] {
        var writer = ByteWriter()
        RemoteWriteWriter.append(
            labels: labels, samples: samples.map { PrometheusSample(timestampMillis: $0.0, value: $0.1) },
            prometheusType: prometheusType, to: &writer)
        let bytes = writer.array()
        if m3Type == 0 { return bytes }
        // The request is one length-delimited series: its contents are written again with the type behind.
        var contents = bytes[1...].drop { $0 >= 0x80 }.dropFirst()
        contents += [0xa8, 0x06, m3Type]
        var length: [UInt8] = []
        var rest = contents.count
        while rest >= 0x80 {
            length.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return [0x0a] + length + [UInt8(rest)] + contents
    }

    func handle(_ body: [UInt8], target: RemoteWriteTarget = .rulesAndUnaggregated) throws -> RemoteWriteResult {
        try handler.handle(body.span.bytes, target: target, nowNanos: nowNanos)
    }

    func sent(_ result: RemoteWriteResult) throws -> [Sent] {
        try result.messages.withUnsafeBytes { bytes in
            try result.messages.entries.map { entry in
                let payload = Array(bytes[entry.range.offset..<entry.range.end])
                return try Self.read(payload, shard: entry.shard)
            }
        }
    }

    static func read(_ payload: [UInt8], shard: UInt32) throws -> Sent {
        let span = payload.span.bytes
        let view = try MetricReader.read(span, in: .all(of: span))
        return Sent(
            shard: shard, payload: payload, kind: view.kind, type: view.metricType, id: view.id.array(from: span),
            timeNanos: view.timeNanos, value: view.value, annotation: view.annotation.array(from: span),
            metadata: view.metadata.array(from: span))
    }

    /// What one sample of a series, at the harness' time, makes.
    func send(_ metric: String, value: Double = 1, m3Type: UInt8 = 0, prometheusType: Int32 = 0) throws -> [Sent] {
        let body = Self.request(
            Self.labels(metric), [(nowNanos / 1_000_000, value)], m3Type: m3Type, prometheusType: prometheusType)
        return try sent(try handle(body))
    }
}
