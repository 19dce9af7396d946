import Metrics
import Testing

@Suite struct LabelsTests {
    @Test func theWrittenExampleIsByteForByteM3s() throws {
        let labels = try Labels([(name: "job", value: "api"), (name: "__name__", value: "up")])
        let expected: [UInt8] =
            [0x75, 0x27, 2, 0, 8, 0] + Array("__name__".utf8) + [2, 0] + Array("up".utf8) + [3, 0] + Array("job".utf8)
            + [3, 0] + Array("api".utf8)
        #expect(labels.encoded == expected)
        #expect(labels.count == 2)
        #expect(labels.pairs.map(\.name) == ["__name__", "job"])
        #expect(labels["job"] == "api")
        #expect(labels["jo"] == nil)
        #expect(labels["zzz"] == nil)
        #expect(labels.value(of: "__name__").map(Array.init) == Array("up".utf8))
        #expect(labels.value(of: Array("job".utf8)).map(Array.init) == Array("api".utf8))
    }

    @Test func anyOrderGivesTheSameLabels() throws {
        let pairs = [("a", "1"), ("ab", "2"), ("b", ""), ("__name__", "x"), ("Z", "y")].map {
            (name: $0.0, value: $0.1)
        }
        let expected = try Labels(pairs)
        for _ in 0..<20 {
            let shuffled = pairs.shuffled()
            #expect(try Labels(shuffled) == expected)
            var builder = EncodedTags.Builder()
            for pair in shuffled { try builder.append(name: pair.name.utf8, value: pair.value.utf8) }
            #expect(try Labels(encodedTags: builder.bytes) == expected)
            #expect(try builder.bytes.withUnsafeBytes { try Labels(encodedTags: $0) } == expected)
        }
        #expect(expected.pairs.map(\.name) == ["Z", "__name__", "a", "ab", "b"])
    }

    @Test func bytesBehindTheLastTagAreDropped() throws {
        let labels = try Labels([(name: "a", value: "1")])
        #expect(try Labels(encodedTags: labels.encoded + Array(".p99".utf8)) == labels)
        #expect(try (labels.encoded + [0]).withUnsafeBytes { try Labels(encodedTags: $0) } == labels)
    }

    @Test func duplicateAndEmptyNamesAreRefused() throws {
        #expect(throws: MetricsError.invalidEncodedTags("label name 'a' occurs twice")) {
            try Labels([(name: "a", value: "1"), (name: "b", value: "1"), (name: "a", value: "2")])
        }
        var builder = EncodedTags.Builder()
        for name in ["a", "b", "a"] { try builder.append(name: name.utf8, value: "1".utf8) }
        #expect(throws: MetricsError.invalidEncodedTags("label name 'a' occurs twice")) {
            try Labels(encodedTags: builder.bytes)
        }
        #expect(throws: MetricsError.invalidEncodedTags("tag name cannot be empty")) {
            try Labels([(name: "", value: "1")])
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try Labels([(name: "job", value: "api"), (name: "pod", value: "p1")]).encoded
        for count in 0..<bytes.count {
            #expect(throws: MetricsError.self) { try Labels(encodedTags: Array(bytes.prefix(count))) }
        }
    }

    @Test func randomBytesNeverTrap() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bytes = (0..<Int.random(in: 0...60)).map { _ in UInt8.random(in: 0...6, using: &generator) }
            if bytes.count > 2 { bytes.replaceSubrange(0..<2, with: [0x75, 0x27]) }
            if let labels = try? Labels(encodedTags: bytes) {
                #expect(labels.pairs.count == labels.count)
                #expect((try? Labels(encodedTags: labels.encoded)) == labels)
            }
        }
    }

    @Test func labelsBeyondTheLimitAreRefused() throws {
        let value = [UInt8](repeating: 0x76, count: 65_535)
        let pairs = ["a", "b", "c"].map { (name: Array($0.utf8), value: value) }
        #expect(throws: MetricsError.self) { try Labels(bytePairs: pairs) }
        var builder = EncodedTags.Builder()
        for pair in pairs { try builder.append(name: pair.name, value: pair.value) }
        #expect(throws: MetricsError.self) { try Labels(encodedTags: builder.bytes) }
        #expect(try Labels(bytePairs: [pairs[0]]).count == 1)
    }

    @Test func aRefusedTagLeavesTheBuilderAsItWas() throws {
        var builder = EncodedTags.Builder()
        try builder.append(name: "a".utf8, value: "1".utf8)
        let before = builder.bytes
        #expect(throws: MetricsError.self) {
            try builder.append(name: "b".utf8, value: [UInt8](repeating: 0, count: 65_536))
        }
        #expect(builder.bytes == before)
        builder.reset()
        #expect(builder.bytes == Labels.empty.encoded)
    }

    @Test(
        arguments: [
            ([("__name__", "up"), ("job", "api")], #"up{job="api"}"#),
            ([("__name__", "up")], "up"),
            ([("a", "x\"y\\z\n"), ("b", "")], #"{a="x\"y\\z\n", b=""}"#),
            ([], "{}"),
        ] as [([(String, String)], String)])
    func descriptionReadsLikePromQL(pairs: [(String, String)], text: String) throws {
        #expect(try Labels(pairs.map { (name: $0.0, value: $0.1) }).description == text)
    }

    @Test func theRollupIDOfTheWrittenExample() throws {
        let pairs = [("app", "a"), ("code", "200")].map { (name: Array($0.0.utf8), value: Array($0.1.utf8)) }
        let labels = try Labels(encodedTags: try RollupID.encoded(name: Array("http_by_code".utf8), pairs: pairs))
        #expect(labels.description == #"http_by_code{__rollup__="true", app="a", code="200"}"#)
    }
}
