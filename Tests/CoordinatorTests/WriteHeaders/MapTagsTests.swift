import Testing
import WireFormat

@testable import Coordinator

@Suite struct MapTagsTests {
    typealias Text = (labels: [String], samples: [PrometheusSample], m3Type: Int32)

    private static func header(_ pairs: [(String, String)]) -> String {
        let mappers = pairs.map { #"{"write":{"tag":"\#($0)","value":"\#($1)"}}"# }
        return #"{"tagMappers":[\#(mappers.joined(separator: ","))]}"#
    }

    private static func request(_ series: [[(name: String, value: String)]]) -> [UInt8] {
        var writer = ByteWriter()
        for (index, labels) in series.enumerated() {
            RemoteWriteWriter.append(
                labels: labels, samples: [PrometheusSample(timestampMillis: Int64(index), value: -1.5)], m3Type: 1,
                prometheusType: 5, to: &writer)
        }
        return writer.array()
    }

    private static func read(_ body: [UInt8]) throws -> [Text] {
        var reader = try RemoteWriteReader(body.span.bytes, in: .all(of: body.span.bytes))
        var read: [Text] = []
        while let series = try reader.next(body.span.bytes) {
            #expect(series.prometheusType == 5)
            func text(_ range: ByteRange) -> String { String(decoding: body[range.offset..<range.end], as: UTF8.self) }
            read.append(
                (reader.labels.map { "\(text($0.name))=\(text($0.value))" }, reader.samples, series.m3Type))
        }
        return read
    }

    @Test func writesALabelIntoEverySeries() throws {
        let body = Self.request([
            [("__name__", "up"), ("cluster", "old"), ("job", "a")], [("__name__", "down")],
        ])
        let mapped = try MapTags(parsing: Self.header([("cluster", "eu-1"), ("zone", "b")])).applied(to: body)
        let series = try Self.read(mapped)
        #expect(
            series.map(\.labels) == [
                ["__name__=up", "job=a", "cluster=eu-1", "zone=b"], ["__name__=down", "cluster=eu-1", "zone=b"],
            ])
        #expect(series.map(\.m3Type) == [1, 1])
        #expect(
            series.map(\.samples) == [
                [PrometheusSample(timestampMillis: 0, value: -1.5)],
                [PrometheusSample(timestampMillis: 1, value: -1.5)],
            ])
    }

    @Test func theLastMapperOfATagCounts() throws {
        let mapped = try MapTags(parsing: Self.header([("a", "1"), ("b", "2"), ("a", "3")]))
        #expect(
            try Self.read(mapped.applied(to: Self.request([[("x", "y")]]))).map(\.labels) == [["x=y", "b=2", "a=3"]])
    }

    @Test(arguments: ["{}", #"{"tagMappers":[]}"#, #"{"tagMappers":null}"#, #"{"other":1}"#])
    func noMappersChangeNothing(_ header: String) throws {
        let body = Self.request([[("a", "b"), ("c", "d")]])
        #expect(try MapTags(parsing: header).applied(to: body) == body)
    }

    @Test func longNamesAndFieldsThatAreNotKnownSurvive() throws {
        // Behind the label: unknown fields of every wire type.
        let unknown: [UInt8] =
            [0x88, 0x7d, 0xff, 0x01] + [0x91, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8] + [0x9a, 0x7d, 2, 9, 9]
            + [0xa5, 0x7d, 1, 2, 3, 4]
        let message: [UInt8] = [0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62] + unknown
        let body = [0x0a, UInt8(message.count)] + message
        let value = String(repeating: "v", count: 300)
        let mapped = try MapTags(parsing: Self.header([("a", value)])).applied(to: body)
        let label = [0x0a, 1, 0x61, 0x12, 0xac, 0x02] + Array(value.utf8)
        let field = [0x0a, 0xb2, 0x02] + label
        #expect(label.count == 306)
        #expect(mapped == [0x0a, 0xce, 0x02] + unknown + field)
    }

    @Test(arguments: [
        ("", "it is not the expected JSON"), ("[]", "it is not the expected JSON"),
        (#"{"tagMappers":[{"write":{"tag":1}}]}"#, "it is not the expected JSON"),
        (#"{"tagMappers":[{}]}"#, "tagMappers[0] has no 'write'"),
        (#"{"tagMappers":[{"write":{"value":"x"}}]}"#, "tagMappers[0].write.tag is empty"),
        (#"{"tagMappers":[{"write":{"tag":"x","value":""}}]}"#, "tagMappers[0].write.value is empty"),
        (
            #"{"tagMappers":[{"write":{"tag":"x","value":"y"}},{"drop":{"tag":"x"}}]}"#,
            "tagMappers[1] has 'drop', which is not supported"
        ),
        (
            #"{"tagMappers":[{"dropWithValue":{"tag":"x","value":"y"}}]}"#,
            "tagMappers[0] has 'dropWithValue', which is not supported"
        ),
        (
            #"{"tagMappers":[{"write":{"tag":"x","value":"y"},"replace":{"tag":"x"}}]}"#,
            "tagMappers[0] has 'replace', which is not supported"
        ),
    ])
    func errorsNameTheMapper(header: String, reason: String) {
        let error = #expect(throws: MapTags.HeaderError.self) { try MapTags(parsing: header) }
        #expect(error?.description.hasPrefix("M3-Map-Tags-JSON: \(reason)") == true, "\(String(describing: error))")
    }

    @Test func tooManyMappersAreRefused() {
        let pairs = (0...MapTags.maxMappers).map { ("t\($0)", "v") }
        #expect(throws: MapTags.HeaderError.self) { try MapTags(parsing: Self.header(pairs)) }
    }

    @Test func aBodyThatGrowsOverTheLimitIsRefused() throws {
        let body = Self.request(Array(repeating: [("a", "b")], count: 100))
        let mapped = try MapTags(parsing: Self.header([("c", String(repeating: "d", count: 1000))]))
        #expect(throws: WireError.self) { try mapped.applied(to: body, limit: 50_000) }
        #expect(try Self.read(mapped.applied(to: body)).count == 100)
    }

    @Test func malformedBodiesAreRefused() throws {
        let mapped = try MapTags(parsing: Self.header([("c", "d")]))
        let body = Self.request([[("a", "b")]])
        for count in 1..<body.count {
            #expect(throws: WireError.self) { try mapped.applied(to: Array(body.prefix(count))) }
        }
    }
}
