import CM3Protocol
import TestKit
import Testing
import WireFormat

/// A series out of its bytes, floats as bits.
struct DecodedSeries: Equatable {
    var labels: [[UInt8]] = []
    var times: [Int64] = []
    var values: [UInt64] = []
    var types: [Int32] = []

    static func ours(_ request: [UInt8]) throws(WireError) -> [DecodedSeries] {
        let bytes = request.span.bytes
        var result: [DecodedSeries] = []
        var reader = try RemoteWriteReader(bytes, in: .all(of: bytes))
        while let series = try reader.next(bytes) {
            if let violation = series.violation { throw violation }
            result.append(
                DecodedSeries(
                    labels: reader.labels.flatMap { [$0.name.array(from: bytes), $0.value.array(from: bytes)] },
                    times: reader.samples.map(\.timestampMillis), values: reader.samples.map(\.value.bitPattern),
                    types: [series.m3Type, series.source, series.prometheusType]))
        }
        return result
    }

    static func reference(_ request: [UInt8]) -> [DecodedSeries]? {
        Reference.decode(request, prompb__write_request__unpack, prompb__write_request__free_unpacked) { request in
            (0..<request.n_timeseries).compactMap { request.timeseries?[$0]?.pointee }.map { series in
                let labels = (0..<series.n_labels).compactMap { series.labels?[$0]?.pointee }
                let samples = (0..<series.n_samples).compactMap { series.samples?[$0]?.pointee }
                return DecodedSeries(
                    labels: labels.flatMap { [Reference.bytes($0.name), Reference.bytes($0.value)] },
                    times: samples.map(\.timestamp), values: samples.map(\.value.bitPattern),
                    types: [
                        Int32(bitPattern: series.m3_type.rawValue), Int32(bitPattern: series.source.rawValue),
                        Int32(bitPattern: series.type.rawValue),
                    ])
            }
        }
    }

    /// Requests like those that Prometheus sends.
    static var corpus: [[UInt8]] {
        let stale = Double(bitPattern: 0x7ff0_0000_0000_0002)
        let job = [(name: "__name__", value: "up"), (name: "job", value: "m3agg"), (name: "Zürich", value: "ü")]
        return [
            written {
                RemoteWriteWriter.append(
                    labels: job, samples: [PrometheusSample(timestampMillis: 1_700_000_000_000, value: 1)], to: &$0)
            },
            written {
                for value in [0, -0.0, .infinity, stale, 1.5] {
                    RemoteWriteWriter.append(
                        labels: job,
                        samples: [
                            PrometheusSample(timestampMillis: -1, value: value),
                            PrometheusSample(timestampMillis: 0, value: value),
                        ], m3Type: 2, prometheusType: 1, to: &$0)
                }
            },
            [],
        ]
    }
}

@Suite struct RemoteWriteTests {
    @Test func whatIsWrittenReadsTheSameHereAndInTheReferenceCodec() throws {
        for request in DecodedSeries.corpus {
            #expect(try DecodedSeries.ours(request) == DecodedSeries.reference(request))
        }
        let series = try DecodedSeries.ours(DecodedSeries.corpus[1])
        #expect(series.count == 5)
        #expect(
            series[0].labels.map { String(decoding: $0, as: UTF8.self) } == [
                "__name__", "up", "job", "m3agg", "Zürich", "ü",
            ])
        #expect(series[1].values == [0, 0], "a zero of either sign is left out and reads as 0")
        #expect(series[3].values == [0x7ff0_0000_0000_0002, 0x7ff0_0000_0000_0002], "stale markers keep their bits")
        #expect(series[0].times == [-1, 0])
        #expect(series[0].types == [2, 0, 1])
    }

    @Test func histogramsAndExemplarsAreCountedAndMetadataPassedOver() throws {
        let label: [UInt8] = [0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62]
        let series = label + [0x1a, 2, 1, 2, 0x1a, 0, 0x22, 3, 1, 2, 3]
        let request = [0x1a, 2, 9, 9, 0x0a, UInt8(series.count)] + series
        let bytes = request.span.bytes
        var reader = try RemoteWriteReader(bytes, in: .all(of: bytes))
        let read = try #require(try reader.next(bytes))
        #expect(read.exemplarCount == 2 && read.histogramCount == 1)
        #expect(read.message == ByteRange(offset: 6, count: series.count))
        #expect(
            reader.labels == [
                LabelRange(name: ByteRange(offset: 10, count: 1), value: ByteRange(offset: 13, count: 1))
            ])
        #expect(reader.samples == [])
        #expect(try reader.next(bytes) == nil)
    }

    @Test func labelFieldsAreKnownWhereTheyStandTogetherAtTheStart() throws {
        let label: [UInt8] = [0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62]
        let other: [UInt8] = [0x0a, 6, 0x0a, 1, 0x63, 0x12, 1, 0x64]
        let sample: [UInt8] = [0x12, 2, 0x10, 5]
        func read(_ series: [UInt8]) throws -> (fields: ByteRange?, labels: Int, samples: Int) {
            let request = [0x0a, UInt8(series.count)] + series
            let bytes = request.span.bytes
            var reader = try RemoteWriteReader(bytes, in: .all(of: bytes))
            var found = try #require(try reader.nextWithoutLabels(bytes))
            #expect(reader.labels == [])
            try reader.readLabels(of: &found, bytes)
            #expect(found.violation == nil)
            return (found.labelFields, reader.labels.count, reader.samples.count)
        }
        #expect(try read(label + other + sample) == (ByteRange(offset: 2, count: 16), 2, 1))
        #expect(try read(sample + sample) == (ByteRange(offset: 2, count: 0), 0, 2))
        #expect(try read(label + sample + other) == (nil, 2, 1))
        #expect(try read(sample + label) == (nil, 1, 1))
    }

    @Test func malformedLabelsAreFoundWhenTheyAreRead() throws {
        let series: [UInt8] = [0x0a, 2, 0x0a, 9, 0x12, 2, 0x10, 5]
        let request = [0x0a, UInt8(series.count)] + series
        let bytes = request.span.bytes
        var reader = try RemoteWriteReader(bytes, in: .all(of: bytes))
        var found = try #require(try reader.nextWithoutLabels(bytes))
        var error: WireError?
        do throws(WireError) { try reader.readLabels(of: &found, bytes) } catch let caught { error = caught }
        #expect(error == .truncated(message: "Label", offset: 5))
    }

    private func violation(labels: [(name: String, value: String)], samples: Int = 1) throws -> [WireError?] {
        let request = written {
            let sample = PrometheusSample(timestampMillis: 1, value: 1)
            RemoteWriteWriter.append(
                labels: labels, samples: [PrometheusSample](repeating: sample, count: samples), to: &$0)
            RemoteWriteWriter.append(labels: [(name: "a", value: "b")], samples: [sample], to: &$0)
        }
        let bytes = request.span.bytes
        var reader = try RemoteWriteReader(bytes, in: .all(of: bytes))
        var violations: [WireError?] = []
        while let series = try reader.next(bytes) { violations.append(series.violation) }
        return violations
    }

    @Test func aSeriesOverALimitLeavesTheOthersGood() throws {
        let labels = (0..<WireLimits.maxLabels).map { (name: "l\($0)", value: "v") }
        let long = String(repeating: "x", count: WireLimits.maxLabelBytes)
        #expect(try violation(labels: labels) == [nil, nil])
        #expect(
            try violation(labels: labels + [(name: "m", value: "v")]) == [
                .limitExceeded(field: "labels of a series", value: 513, limit: 512), nil,
            ])
        #expect(try violation(labels: [(name: long, value: long)]) == [nil, nil])
        #expect(
            try violation(labels: [(name: "a", value: long + "y")]) == [
                .limitExceeded(field: "label value bytes", value: 65_536, limit: 65_535), nil,
            ])
        #expect(
            try violation(labels: [(name: long + "y", value: "")]) == [
                .limitExceeded(field: "label name bytes", value: 65_536, limit: 65_535), nil,
            ])
        #expect(try violation(labels: [], samples: WireLimits.maxSamplesPerSeries) == [nil, nil])
        #expect(
            try violation(labels: [], samples: WireLimits.maxSamplesPerSeries + 2) == [
                .limitExceeded(field: "samples of a series", value: 86_401, limit: 86_400), nil,
            ])
    }

    @Test func wrongWireTypesSpoilTheRequest() {
        for series: [UInt8] in [[0x08, 1], [0xa8, 0x06, 1, 0xad, 0x06, 0, 0, 0, 0], [0x12, 2, 0x08, 1]] {
            let request = [0x0a, UInt8(series.count)] + series
            #expect(throws: WireError.self) { try DecodedSeries.ours(request) }
            #expect(DecodedSeries.reference(request) == nil)
        }
    }
}
