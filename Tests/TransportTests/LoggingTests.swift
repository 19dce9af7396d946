import Logging
import Synchronization
import Testing

@testable import Transport

@Suite struct LoggingTests {
    private func line(_ format: LogFormat, _ message: String, _ metadata: [(key: String, value: String)] = []) -> String
    {
        String(
            decoding: format.line(
                timeNanos: 1_767_323_045_678_999_999, level: .warning, label: "coordinator", message: message,
                metadata: metadata), as: UTF8.self)
    }

    @Test func logfmt() {
        #expect(
            line(.logfmt, "listening", [(key: "address", value: "127.0.0.1:7201"), (key: "a b", value: "")])
                == "time=2026-01-02T03:04:05.678Z level=warning label=coordinator msg=listening "
                + "address=127.0.0.1:7201 a_b=\"\"\n")
        #expect(line(.logfmt, "it's \"x=1\"\n").hasSuffix(#" msg="it's \"x=1\"\n""# + "\n"))
    }

    @Test func json() {
        #expect(
            line(.json, "a\u{1}\"é", [(key: "k", value: "v\\")])
                == #"{"time":"2026-01-02T03:04:05.678Z","level":"warning","label":"coordinator","#
                + #""msg":"a\u0001\"é","k":"v\\"}"# + "\n")
    }

    @Test(arguments: LogFormat.allCases) func longLinesAreCut(format: LogFormat) {
        for text in [String(repeating: "x", count: 20_000), String(repeating: "😀", count: 9000)] {
            let long = line(format, "m", [(key: "text", value: text), (key: "z", value: "z")])
            #expect(long.utf8.count <= LogFormat.maxLineBytes)
            #expect(long.utf8.count > LogFormat.maxLineBytes - 64)
            #expect(long.hasSuffix(format == .json ? "…\"}\n" : "…\n"))
            #expect(!long.contains("\u{FFFD}"))
        }
        // Where escapes make the cut text too long after all, the whole pair is left out.
        let quotes = line(format, "m", [(key: "text", value: String(repeating: "\u{1}", count: 20_000))])
        #expect(quotes.utf8.count <= LogFormat.maxLineBytes)
        #expect(quotes.hasSuffix(format == .json ? "}\n" : "\n"))
    }

    @Test func theHandlerMergesMetadata() {
        let lines = SharedText()
        var logger = Logger(label: "l") { label in
            StructuredLogHandler(
                label: label, level: .info, clock: { 0 }, sink: { lines.append(String(decoding: $0, as: UTF8.self)) })
        }
        logger[metadataKey: "role"] = "aggregator"
        logger[metadataKey: "id"] = "1"
        logger.debug("hidden")
        logger.info("seen", metadata: ["id": "2", "b": "x y"])
        #expect(
            lines.text == "time=1970-01-01T00:00:00.000Z level=info label=l msg=seen b=\"x y\" id=2 role=aggregator\n")
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"), (1_709_251_199_999_999_999, "2024-02-29T23:59:59.999Z"),
        (4_102_444_800_000_000_000, "2100-01-01T00:00:00.000Z"), (Int64.max, "2262-04-11T23:47:16.854Z"),
        (Int64.min, "1677-09-21T00:12:43.145Z"),
    ])
    func times(nanos: Int64, text: String) {
        #expect(UTCTime.text(nanos: nanos) == text)
    }
}
