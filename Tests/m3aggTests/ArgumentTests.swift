import Testing

@testable import m3agg

struct ArgumentTests {
    @Test(arguments: [
        ("127.0.0.1:7201", "127.0.0.1", 7201), ("localhost:0", "localhost", 0), ("[::1]:65535", "::1", 65_535),
        ("0.0.0.0:1", "0.0.0.0", 1),
    ]) func addressesAreReadAndWrittenAlike(text: String, host: String, port: Int) {
        let address = HostPort(argument: text)
        #expect(address?.host == host)
        #expect(address?.port == port)
        #expect(address?.description == text)
    }

    @Test(arguments: ["", "localhost", ":80", "localhost:", "localhost:x", "localhost:65536", "localhost:-1", "[]:80"])
    func badAddressesAreRefused(text: String) { #expect(HostPort(argument: text) == nil) }

    @Test(arguments: [
        ("200ms", Int64(200_000_000)), ("15s", 15_000_000_000), ("1m30s", 90_000_000_000), ("2h", 7_200_000_000_000),
    ]) func durationsHaveTheUnitsOfPolicies(text: String, nanos: Int64) {
        #expect(DurationText(argument: text)?.nanos == nanos)
    }

    @Test(arguments: ["", "15", "s", "-1s", "1 s", "1x", "1s@2s"])
    func badDurationsAreRefused(text: String) { #expect(DurationText(argument: text) == nil) }

    @Test func durationsAreWrittenAsTheyAreRead() {
        for text in ["10m", "30s", "200ms", "1m30s"] {
            let duration = DurationText(argument: text)
            #expect(duration.flatMap { DurationText(argument: $0.description) }?.nanos == duration?.nanos)
        }
        #expect(DurationText(seconds: 30).description == "30s")
    }
}
