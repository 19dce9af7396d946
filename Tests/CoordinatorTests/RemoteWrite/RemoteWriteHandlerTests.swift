import Coordinator
import Metrics
import Storage
import Testing
import WireFormat

@Suite struct RemoteWriteHandlerTests {
    private let yaml = """
        mappingRules: [{filter: "__name__:m*", aggregations: [Last], storagePolicies: [10s:2d]}]
        """
    private let nowMillis: Int64 = 1_700_000_000_000

    private func harness() throws -> DownsampleHarness { try DownsampleHarness(yaml) }

    private func request(_ series: [(String, [(Int64, Double)])]) -> [UInt8] {
        series.flatMap { DownsampleHarness.request(DownsampleHarness.labels($0.0), $0.1) }
    }

    @Test func everySampleIsStoredAndSentWithItsOwnTimeAndBits() throws {
        let harness = try harness()
        let payloadNaN = Double(bitPattern: 0x7ff8_0000_0000_1234)
        let result = try harness.handle(
            request([
                ("__name__=m a=1", [(nowMillis - 1000, 1.5), (nowMillis, payloadNaN)]),
                ("__name__=other", [(nowMillis, -0.0)]),
            ]))
        #expect(result.errorText == nil)
        #expect(result.samples.count == 3)
        #expect(result.counts.stored == 3)
        #expect(result.counts.received == 3)
        #expect(result.counts.series == 2)
        let sent = try harness.sent(result)
        #expect(sent.map(\.timeNanos) == [(nowMillis - 1000) * 1_000_000, nowMillis * 1_000_000])
        #expect(sent.map(\.value.bitPattern) == [(1.5).bitPattern, payloadNaN.bitPattern])
        #expect(result.counts.messages == 2)
    }

    @Test func staleMarkersAreStoredAndNotSent() throws {
        let harness = try harness()
        let stale = Double(bitPattern: RemoteWriteHandler.staleMarkerBits)
        let result = try harness.handle(request([("__name__=m", [(nowMillis - 1, 1), (nowMillis, stale)])]))
        #expect(result.samples.count == 2)
        #expect(result.counts.staleMarkers == 1)
        #expect(try harness.sent(result).map(\.value) == [1])
        #expect(result.errorText == nil)
    }

    /// More series than are looked up at a time; some known, some new, some with labels behind samples.
    @Test func aRequestIsTakenTheSameWhetherItsSeriesAreKnownOrNot() throws {
        let series = (0..<300).map { index in
            ("__name__=m a=\(index)", [(nowMillis - 1, Double(index)), (nowMillis, Double(index) + 0.5)])
        }
        func taken(_ harness: DownsampleHarness) throws -> [String] {
            let result = try harness.handle(request(series))
            #expect(result.errorText == nil)
            #expect(result.samples.count == 600)
            return try harness.sent(result).map { "\($0)" }
        }
        let harness = try harness()
        _ = try harness.handle(request(series.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)))
        let mixed = try taken(harness)
        let known = try taken(harness)
        #expect(known.count == 600)
        #expect(Set(mixed) == Set(known))
        #expect(try taken(self.harness()) == known)
    }

    @Test func malformedLabelsRefuseTheWholeRequestAlsoBesideKnownSeries() throws {
        let harness = try harness()
        let good = request([("__name__=m a=1", [(nowMillis, 1)])])
        _ = try harness.handle(good)
        let bad: [UInt8] = [0x0a, 4, 0x0a, 2, 0x0a, 9]
        #expect(throws: WireError.self) { try harness.handle(good + bad) }
        #expect(try harness.handle(good).errorText == nil)
    }

    @Test func unsortedLabelsAreTheSameSeries() throws {
        let harness = try harness()
        let sorted = try harness.send("__name__=m a=1 b=2")
        #expect(try harness.send("b=2 __name__=m a=1") == sorted)
        #expect(try harness.send("b=2 __name__=m a=1 empty=") == sorted)
    }

    @Test(arguments: [
        ("job=a", "missing_name"), ("__name__= job=a", "missing_name"), ("__name__=m =x", "empty_label_name"),
        ("__name__=m a=1 a=1", "duplicate_label"), ("__name__=m b=1 a=2 b=3", "duplicate_label"),
    ])
    func badSeriesAreRefusedAndNamedWhileGoodOnesAreKept(bad: String, reason: String) throws {
        let harness = try harness()
        let sample = [(nowMillis, 1.0), (nowMillis + 1, 2.0)]
        for _ in 0..<2 {
            let result = try harness.handle(
                request([("__name__=m good=1", sample), (bad, sample), ("__name__=m x=2", sample)]))
            #expect(result.samples.count == 4)
            #expect(result.messages.count == 4)
            #expect(result.counts.rejectedSeries == 1)
            #expect(result.counts.rejected.map { "\($0.key.rawValue)=\($0.value)" } == ["\(reason)=2"])
            #expect(
                result.counts.received == result.counts.stored + result.counts.notStored + result.counts.rejectedTotal)
            let text = try #require(result.errorText)
            #expect(text.hasPrefix("2 of 6 samples were refused (\(reason)=2), the others were taken\nseries {"))
        }
    }

    @Test func tooMuchOfAnythingIsRefusedBySeries() throws {
        let harness = try harness()
        let sample = [(nowMillis, 1.0)]
        let long = String(repeating: "x", count: 65_536)
        let many = (0..<600).map { "l\($0)=v" }.joined(separator: " ")
        let wide = (0..<3).map { "l\($0)=" + String(repeating: "y", count: 60_000) }.joined(separator: " ")
        let result = try harness.handle(
            request([
                ("__name__=m a=\(long)", sample), ("__name__=m \(many)", sample), ("__name__=m \(wide)", sample),
                ("__name__=m good=1", sample),
            ]))
        #expect(result.counts.rejected == [.labelTooLong: 1, .tooManyLabels: 1, .labelsTooLong: 1])
        #expect(result.samples.count == 1)
        #expect((result.errorText ?? long).utf8.count < 10_000)
    }

    @Test func timesFarOffAreRefusedBySample() throws {
        let harness = try harness()
        let times: [Int64] = [
            nowMillis - 172_800_000, nowMillis - 172_800_001, nowMillis + 600_000, nowMillis + 600_001, .min, .max,
        ]
        let result = try harness.handle(request([("__name__=m", times.map { ($0, 1.0) })]))
        #expect(result.counts.rejected == [.timestampTooOld: 2, .timestampTooFarAhead: 2])
        #expect(result.counts.rejectedSeries == 0)
        #expect(result.samples.count == 2)
        #expect(result.messages.count == 2)
        #expect(result.errorText?.contains("check the sender's clock") == true)
    }

    @Test func anErrorTextNamesOnlyTheFirstFew() throws {
        let harness = try harness()
        let result = try harness.handle(request((0..<1000).map { ("job=\($0)", [(nowMillis, 1.0)]) }))
        #expect(result.counts.rejected == [.missingName: 1000])
        #expect(result.errorText?.split(separator: "\n").count == 1 + RemoteWriteResult.maxErrorTexts)
    }

    @Test func aMalformedBodyIsAnErrorAsAWhole() throws {
        let harness = try harness()
        let good = request([("__name__=m", [(nowMillis, 1.0)])])
        let broken: [[UInt8]] = [good + [0x0a, 0x05], Array(good.dropLast()), [0xff], good + [0x0b]]
        for bad in broken {
            #expect(throws: WireError.self) { try harness.handle(bad) }
        }
        #expect(try harness.handle([]).samples.isEmpty)
    }

    @Test func damagedBodiesNeverTrap() throws {
        let harness = try harness()
        let good = request([
            ("__name__=m a=1", [(nowMillis, 1.0), (nowMillis + 1, 2.0)]), ("b=2 __name__=m", [(nowMillis, 3.0)]),
        ])
        var random = SystemRandomNumberGenerator()
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                let result = try harness.handle(bytes)
                #expect(
                    result.counts.received
                        == result.counts.stored + result.counts.notStored + result.counts.rejectedTotal)
                #expect(result.samples.count == result.counts.stored)
            } catch is WireError { refused += 1 }
        }
        #expect(refused > 1000)
    }

    @Test func headersSayWhereSamplesGo() throws {
        let harness = try harness()
        let policy = try StoragePolicy(parsing: "10s:2d")
        let body = request([("__name__=m", [(nowMillis, 1.0)])])
        let expected: [(RemoteWriteTarget, Int, Int)] = [
            (.rulesAndUnaggregated, 1, 1), (.unaggregatedOnly, 1, 0), (.aggregated(policy), 1, 0), (.rulesOnly, 0, 1),
        ]
        for (target, stored, messages) in expected {
            let result = try harness.handle(body, target: target)
            #expect(result.samples.count == stored, "\(target)")
            #expect(result.messages.count == messages, "\(target)")
        }
    }

    @Test func headersAreReadOrRefused() throws {
        let policy = try StoragePolicy(parsing: "10s:2d")
        func target(_ type: String?, _ policy: String?, _ write: String?) throws -> RemoteWriteTarget {
            try RemoteWriteTarget(metricsType: type, storagePolicy: policy, writeType: write)
        }
        #expect(try target(nil, nil, nil) == .rulesAndUnaggregated)
        #expect(try target("", "", "default") == .rulesAndUnaggregated)
        #expect(try target("unaggregated", nil, nil) == .unaggregatedOnly)
        #expect(try target("aggregated", "10s:2d", nil) == .aggregated(policy))
        #expect(try target(nil, nil, "aggregate") == .rulesOnly)
        let bad: [(String?, String?, String?)] = [
            ("unaggregated", "10s:2d", nil), ("aggregated", nil, nil), ("aggregated", "10s", nil), ("raw", nil, nil),
            (nil, "10s:2d", nil), (nil, nil, "both"),
        ]
        for (type, policy, write) in bad {
            #expect(throws: RemoteWriteTarget.HeaderError.self) { try target(type, policy, write) }
        }
    }

    @Test func aTypeInAHeaderStandsForAllSeries() throws {
        let harness = try DownsampleHarness(yaml, options: DownsamplerOptions(storesMetricTypes: true))
        let body = request([("__name__=m", [(nowMillis, 1.0)])])
        let result = try harness.handler.handle(
            body.span.bytes, prometheusType: .counter, nowNanos: harness.nowNanos)
        #expect(try harness.sent(result).first?.annotation == [0x08, 1, 0x10, 1])
    }
}
