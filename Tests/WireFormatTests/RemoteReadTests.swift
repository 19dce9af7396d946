import CM3Protocol
import TestKit
import Testing
import WireFormat

@Suite struct RemoteReadTests {
    static let queries = [
        RemoteReadQuery(
            startMillis: 1_700_000_000_000, endMillis: 1_700_000_060_000,
            matchers: [
                RemoteReadMatcher(type: .equal, name: "__name__", value: "up"),
                RemoteReadMatcher(type: .notEqual, name: "job", value: ""),
                RemoteReadMatcher(type: .matches, name: "host", value: "a|Zürich"),
                RemoteReadMatcher(type: .doesNotMatch, name: "dc", value: ".+"),
            ]),
        RemoteReadQuery(startMillis: -5, endMillis: 0, matchers: []),
    ]

    static func read(_ request: [UInt8]) throws(WireError) -> [RemoteReadQuery] {
        try RemoteReadRequest.read(request.span.bytes, in: ByteRange(offset: 0, count: request.count))
    }

    static func readResponse(_ response: [UInt8]) throws(WireError) -> [[RemoteReadSeries]] {
        try RemoteReadResponse.read(response.span.bytes, in: ByteRange(offset: 0, count: response.count))
    }

    @Test func requestsComeBackAndReadTheSameInTheReferenceCodec() throws {
        let request = written { RemoteReadRequest.append(Self.queries, to: &$0) }
        #expect(try Self.read(request) == Self.queries)
        let reference = Reference.decode(request, prompb__read_request__unpack, prompb__read_request__free_unpacked) {
            $0.queries?[0]?.pointee.matchers?[2]?.pointee.type == PROMPB__LABEL_MATCHER__TYPE__RE
                && $0.queries?[1]?.pointee.start_timestamp_ms == -5
        }
        #expect(reference == true)
        #expect(try Self.read([]) == [])
    }

    @Test func hintsAndResponseTypesArePassedOver() throws {
        let query: [UInt8] = [0x08, 1, 0x22, 2, 0x08, 9]
        #expect(
            try Self.read([0x0a, UInt8(query.count)] + query + [0x12, 1, 1]) == [
                RemoteReadQuery(startMillis: 1, endMillis: 0, matchers: [])
            ])
    }

    @Test func badMatchersAreRefused() {
        func request(_ matcher: [UInt8]) -> [UInt8] {
            [0x0a, UInt8(matcher.count + 2), 0x1a, UInt8(matcher.count)] + matcher
        }
        #expect(throws: WireError.unknownMatcherType(4)) { try Self.read(request([0x08, 4])) }
        #expect(throws: WireError.invalidUTF8(field: "matcher name")) { try Self.read(request([0x12, 1, 0xff])) }
        #expect(throws: WireError.invalidUTF8(field: "matcher value")) { try Self.read(request([0x1a, 1, 0xff])) }
    }

    @Test func countsAreBounded() {
        let matchers = [RemoteReadMatcher](
            repeating: RemoteReadMatcher(type: .equal, name: "", value: ""), count: WireLimits.maxMatchers + 1)
        let query = RemoteReadQuery(startMillis: 0, endMillis: 0, matchers: matchers)
        let many = [RemoteReadQuery](
            repeating: RemoteReadQuery(startMillis: 0, endMillis: 0, matchers: []), count: WireLimits.maxQueries + 1)
        #expect(throws: WireError.limitExceeded(field: "number of matchers", value: 257, limit: 256)) {
            try Self.read(written { RemoteReadRequest.append([query], to: &$0) })
        }
        #expect(throws: WireError.limitExceeded(field: "number of queries", value: 129, limit: 128)) {
            try Self.read(written { RemoteReadRequest.append(many, to: &$0) })
        }
        #expect(throws: WireError.self) {
            try Self.read([UInt8](repeating: 0, count: WireLimits.maxRemoteReadRequestBytes + 1))
        }
    }

    private func series(_ name: String, samples: Int) -> RemoteReadSeries {
        RemoteReadSeries(
            labels: [(name: Array("__name__".utf8), value: Array(name.utf8))],
            samples: (0..<samples).map {
                PrometheusSample(timestampMillis: Int64($0) * 1_000, value: $0 == 3 ? .nan : Double($0))
            })
    }

    @Test func responsesComeBackAndReadTheSameInTheReferenceCodec() throws {
        let results = [[series("a", samples: 100_000), series("b", samples: 0)], [], [series("c", samples: 5)]]
        let response = try written { writer in
            for result in results { try RemoteReadResponse.append(result, to: &writer) }
        }
        #expect(try Self.readResponse(response) == results)
        let reference = Reference.decode(
            response, prompb__read_response__unpack, prompb__read_response__free_unpacked
        ) { response in
            (0..<response.n_results).compactMap { response.results?[$0]?.pointee }.map { result in
                (0..<result.n_timeseries).compactMap { result.timeseries?[$0]?.pointee.n_samples }
            }
        }
        #expect(reference == [[100_000, 0], [], [5]])
    }

    @Test func responsesAreBounded() {
        #expect(throws: WireError.self) {
            try written { try RemoteReadResponse.append([series("a", samples: 100)], limit: 1_000, to: &$0) }
        }
    }
}
