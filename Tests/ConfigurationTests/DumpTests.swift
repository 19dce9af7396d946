import Foundation
import Testing

@testable import NodeConfiguration

@Suite struct DumpTests {
    private static let files = ["stock-raw-tcp.yml", "every-key.yml", "short.yml"]

    /// A dump is a configuration file of its own and says the same.
    @Test(arguments: files) func canBeLoadedAgain(_ file: String) throws {
        let first = try ConfigurationFixture.load(file)
        let text = YAMLDump.text(first.values)
        let second = try read(text)
        #expect(second.configuration == first.configuration)
        #expect(YAMLDump.text(second.values).lines.sorted() == text.lines.sorted())
        #expect(second.diagnostics.allSatisfy { $0.severity == .warning || $0.severity == .ignored })
    }

    @Test func embeddedNodesAndStrangeTextsCanBeLoadedAgain() throws {
        let first = try read(
            """
            node: {embedded: "/data $$x", instance: "a \\"b\\" \\\\ \\n ü \\u2028 # x: {}", log: "off"}
            logging: {level: error, fields: {"odd key: #": "null", n: "", "~": "yes"}}
            rawtcp: {listenAddress: "h:1"}
            m3msg: null
            """)
        #expect(first.configuration.identity.source == .value("a \"b\" \\ \n ü \u{2028} # x: {}"))
        #expect(first.configuration.m3msg == nil)
        let second = try read(YAMLDump.text(first.values))
        #expect(second.configuration == first.configuration)
    }

    @Test func saysWhereValuesComeFrom() throws {
        let loaded = try ConfigurationFixture.load("short.yml", environment: ["NODE_NAME": "n7"])
        let lines = YAMLDump.text(loaded.values).split(separator: "\n").map { $0.drop { $0 == " " } }
        #expect(lines.contains("value: n7  # NODE_NAME at short.yml:6"))
        #expect(lines.contains("listenAddress: \"0.0.0.0:6001\"  # short.yml:7"))
        #expect(lines.contains("entryTTL: 1h  # default"))
        #expect(lines.contains("- \"10s:2d\"  # short.yml:9"))
    }

    @Test func passwordsAreNotShown() throws {
        let loaded = try read("node: {etcd: {endpoints: [e:1], username: u, password: secret}}")
        #expect(!YAMLDump.text(loaded.values).contains("secret"))
        #expect(!ConfigurationJSON.values(loaded.values).contains("secret"))
    }

    @Test func json() throws {
        let loaded = try ConfigurationFixture.load("short.yml", environment: ["NODE_NAME": "a\"\\b"])
        let object = try JSONSerialization.jsonObject(with: Data(ConfigurationJSON.values(loaded.values).utf8))
        let values = try #require((object as? [String: Any])?["values"] as? [[String: Any]])
        #expect(values.count == loaded.values.count)
        let id = try #require(values.first { $0["field"] as? String == "aggregator.hostID.value" })
        #expect(id["value"] as? String == "a\"\\b")
        #expect(id["origin"] as? String == "environment" && id["variable"] as? String == "NODE_NAME")
        #expect(id["file"] as? String == "short.yml" && id["line"] as? Int == 6)
        let every = try #require(values.first { $0["field"] as? String == "aggregator.entryTTL" })
        #expect(every["origin"] as? String == "default" && every["file"] == nil)
        #expect(values.contains { $0["field"] as? String == "rawtcp" && $0["value"] is NSNull })
    }

    @Test func jsonOfDiagnostics() throws {
        let diagnostics = problems("node: {etcd: [bad]}\nhtp: {}")
        let object = try JSONSerialization.jsonObject(with: Data(ConfigurationJSON.diagnostics(diagnostics).utf8))
        let report = try #require(object as? [String: Any])
        #expect(report["ok"] as? Bool == false && report["errors"] as? Int == 2)
        let items = try #require(report["diagnostics"] as? [[String: Any]])
        #expect(items.map { $0["field"] as? String } == ["node.etcd[0]", "htp"])
        #expect(items[0]["line"] as? Int == 1 && items[0]["value"] as? String == "bad")
        #expect(items[1]["value"] is NSNull && items[1]["severity"] as? String == "error")
    }
}

extension String {
    /// Without comments; keys of one section may come in another order.
    fileprivate var lines: [Substring] {
        split(separator: "\n").map { $0[..<($0.ranges(of: "  # ").last?.lowerBound ?? $0.endIndex)] }
    }
}
