import Metrics
import Testing

@Suite struct StoragePolicyTests {
    @Test(
        arguments: [
            ("10s:2d", "10s:2d", 10_000_000_000, 1_000_000_000),
            ("10s@1s:2d", "10s:2d", 10_000_000_000, 1_000_000_000),
            ("1m:40d", "1m:40d", 60_000_000_000, 60_000_000_000),
            ("1m@1s:40d", "1m@1s:40d", 60_000_000_000, 1_000_000_000),
            ("60s:1h", "1m:1h", 60_000_000_000, 60_000_000_000),
            ("90s:1d", "1m30s:1d", 90_000_000_000, 1_000_000_000),
            ("1h:365d", "1h:1y", 3_600_000_000_000, 3_600_000_000_000),
            ("1h30m:1w", "1h30m:7d", 5_400_000_000_000, 60_000_000_000),
            ("1mon:1y", "30d:1y", 2_592_000_000_000_000, 86_400_000_000_000),
            ("10s@1ms:6h", "10s@1ms:6h", 10_000_000_000, 1_000_000),
            ("5min:1d", "5m:1d", 300_000_000_000, 60_000_000_000),
        ] as [(String, String, Int64, Int64)])
    func canonicalText(input: String, canonical: String, resolution: Int64, precision: Int64) throws {
        let policy = try StoragePolicy(parsing: input)
        #expect(policy.description == canonical)
        #expect(policy.resolutionNanos == resolution)
        #expect(policy.precisionNanos == precision)
    }

    @Test(arguments: [
        "9223372036854775808ns:1d", "293y:1d", "292y365d:1d", "10s:99999999999999999999y", "292y292y:1d", "-293y:1d",
    ])
    func figuresBeyond64BitsAreRefused(text: String) {
        #expect(throws: MetricsError.self) { try StoragePolicy(parsing: text) }
    }

    @Test func extremesPrint() {
        #expect(ExtendedDuration.format(.max) == "292y171d23h47m16s854ms775us807ns")
        #expect(ExtendedDuration.format(.min) == "-292y171d23h47m16s854ms775us808ns")
        #expect(ExtendedDuration.format(0) == "0s")
    }

    @Test func precisionDistinguishesPoliciesButNotNamespaces() throws {
        let implied = try StoragePolicy(parsing: "1m:2d")
        let seconds = try StoragePolicy(parsing: "1m@1s:2d")
        #expect(implied != seconds)
        #expect(implied.isEquivalent(to: seconds))
        #expect(!implied.isEquivalent(to: try StoragePolicy(parsing: "1m:3d")))
    }

    @Test(arguments: [("10s:2d", true), ("0s:2d", false), ("-10s:2d", false), ("10s:0s", false)])
    func onlyPositiveFiguresCanBeAggregated(text: String, usable: Bool) throws {
        #expect(try StoragePolicy(parsing: text).isAggregatable == usable)
    }

    @Test func errorsNameThePart() {
        #expect(throws: MetricsError.invalidStoragePolicy("10s", reason: "it must hold exactly one colon")) {
            try StoragePolicy(parsing: "10s")
        }
        let error = #expect(throws: MetricsError.self) { try StoragePolicy(parsing: "10s:2x") }
        #expect(error?.description.contains("retention '2x': unit 'x' is none of") == true)
    }
}
