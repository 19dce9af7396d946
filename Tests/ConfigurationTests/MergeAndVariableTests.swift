import Metrics
import Testing

@testable import NodeConfiguration

/// Files are merged and variables expanded as M3's own reader does it.
@Suite struct MergeAndVariableTests {
    private static let base = "node: {etcd: [a:1]}\n"

    @Test func laterFilesGoBeforeEarlierOnes() throws {
        let loaded = try read(
            Self.base
                + "http: {listenAddress: 'h:1', readTimeout: 3s}\naggregator: {defaultStoragePolicies: ['10s:2d', '1m:2d']}",
            "http: {listenAddress: 'h:2'}\naggregator: {defaultStoragePolicies: ['5s:2d']}")
        #expect(loaded.configuration.http.listenAddress.port == 2)
        #expect(loaded.configuration.http.readTimeoutNanos == 3_000_000_000, "mappings are joined")
        #expect(
            loaded.configuration.aggregation.defaultStoragePolicies.map(\.description) == ["5s:2d"],
            "lists are replaced")
        let origin = loaded.values.first { $0.field == "http.listenAddress" }?.origin
        #expect(origin == .file("2.yml", line: 1, column: 23))
    }

    @Test func nullTakesAway() throws {
        let loaded = try read(
            Self.base + "rawtcp: {listenAddress: 'h:1'}\nhttp: {listenAddress: 'h:2', readTimeout: 3s}",
            "rawtcp: ~\nhttp: {readTimeout: null}")
        #expect(loaded.configuration.rawTCP == nil)
        #expect(loaded.configuration.http.readTimeoutNanos == 10_000_000_000, "as if the key were not there")
    }

    @Test func kindsThatDifferCantBeMerged() {
        let found = problems(Self.base + "http: {listenAddress: 'h:1'}", "http: [1]")
        #expect(found.first?.field == "http" && found.first?.place == "2.yml:1:7")
        #expect(found.first?.problem == "a list can't be merged into a mapping, which stands at 1.yml:2")
    }

    @Test func emptyFilesSayNothing() throws {
        #expect(try read(Self.base, "", "# nothing\n").configuration == read(Self.base).configuration)
    }

    private func expand(_ text: String, _ environment: [String: String] = [:]) -> String {
        String(decoding: EnvironmentExpansion(Array(text.utf8), environment: environment).bytes, as: UTF8.self)
    }

    @Test func variables() {
        let environment = ["A": "x", "EMPTY": "", "B_1": "y"]
        #expect(expand("${A} $A $B_1-z", environment) == "x x y-z")
        #expect(expand("${A:d} ${NO:d} ${NO:a:b} ${NO:\"\"}|", environment) == "x d a:b |")
        #expect(expand("${EMPTY:d}|", environment) == "|", "set, though empty")
        #expect(expand("$$A $${A} 5$ $1 $", environment) == "$A ${A} 5$ $1 $")
        #expect(expand("${A", environment) == "${A")
        #expect(expand("a$A") == "a$A")
    }

    @Test func variablesThatAreNotSetAreMistakes() {
        let found = problems("# ${COMMENT}\nnode:\n  zone: ä ${ZONE}\n  instance: ${ID:}\n  etcd: [a:1]\n")
        #expect(found.map(\.place) == ["1.yml:3:11", "1.yml:4:13"])
        #expect(found.map(\.value) == ["${ZONE}", "${ID}"])
        #expect(found.allSatisfy { $0.remedy.contains(":\"\"}") })
    }

    /// What stands behind an expanded variable is still found where its author wrote it.
    @Test func placesAreThoseOfTheFile() {
        let found = problems(
            "node: {zone: $$$LONG, etcd: [bad], quantiles: ${Q}}\nhttp: {x: 1}\n",
            environment: ["LONG": "a\\\n\nb", "Q": "fast"])
        #expect(found.map(\.field) == ["node.etcd[0]", "node.quantiles", "http.x"], "\(found)")
        #expect(found.map(\.place) == ["1.yml:1:30", "1.yml:1:47", "1.yml:2:8"], "\(found)")
        #expect(found[1].problem.contains("from the environment variable Q"))
    }

    @Test func variablesAreOrigins() throws {
        let loaded = try ConfigurationFixture.load("short.yml", environment: ["NODE_NAME": "n7"])
        #expect(loaded.configuration.identity.source == .value("n7"))
        let origin = loaded.values.first { $0.field == "aggregator.hostID.value" }?.origin
        #expect(origin == .environment(variable: "NODE_NAME", file: "short.yml", line: 6, column: 13))
        let standard = try ConfigurationFixture.load("short.yml")
        #expect(standard.configuration.identity.source == .value("node-1"))
        #expect(
            standard.values.first { $0.field == "aggregator.hostID.value" }?.origin
                == .file("short.yml", line: 6, column: 13))
    }

    @Test func placesInText() {
        let places = TextPlaces(Array("aä\r\nb\u{2028}c\rd".utf8))
        #expect(places.place(offset: 1) == (1, 2))
        #expect(places.place(offset: 3) == (1, 3))
        #expect(places.place(offset: 5) == (2, 1))
        #expect(places.place(offset: 9) == (3, 1))
        #expect(places.place(offset: 11) == (4, 1))
        #expect(places.place(offset: 99) == (4, 2))
        #expect(places.offset(line: 1, column: 3) == 3)
        #expect(places.offset(line: 4, column: 1) == 11)
        #expect(places.offset(line: 9, column: 1) == 12)
    }

    @Test func durations() {
        let cases: [(String, Int64?)] = [
            ("0", 0), ("1s", 1_000_000_000), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("100ms", 100_000_000), ("1µs", 1_000), ("2us3ns", 2_003), ("-1s", -1_000_000_000),
            ("1d", 86_400_000_000_000),
            ("5", nil), ("", nil), ("-", nil), ("s", nil), ("1x", nil), ("1s ", nil), ("9999999999h", nil),
            ("1.s", 1_000_000_000), ("1e3s", nil), (".s", nil),
        ]
        for (text, nanos) in cases { #expect(GoDuration.parse(text) == nanos, "\(text)") }
        for nanos: Int64 in [0, 1, 1_500_000_000, 90_000_000_000, -5, 3_661_000_000_001, .max, .min + 1] {
            #expect(GoDuration.parse(GoDuration.format(nanos)) == nanos)
        }
        #expect(GoDuration.format(5_400_000_000_000) == "1h30m")
    }
}
