import Testing

@testable import NodeConfiguration

/// Mistakes are found all at once, each with its place, field, value and what to do.
@Suite struct MistakeTests {
    @Test func allMistakesOfAFileAtOnce() throws {
        let found = problems(
            """
            node:
              etcd: [etcd-0]
              buffers: {past: 15}
              policies: ["10s"]
              quantils: m3
            http:
              listenAddress: nowhere
              readTimeOut: 5s
            aggregator:
              entryTTL: soon
              flushManager: {jitterEnabled: perhaps, checkEvery: -1s}
            """)
        #expect(
            found.map(\.place) == [
                "1.yml:2:10", "1.yml:4:14", "1.yml:5:3", "1.yml:7:18", "1.yml:8:3", "1.yml:10:13", "1.yml:11:33",
                "1.yml:11:54",
            ])
        #expect(
            found.map(\.field) == [
                "node.etcd[0]", "node.policies[0]", "node.quantils", "http.listenAddress", "http.readTimeOut",
                "aggregator.entryTTL", "aggregator.flushManager.jitterEnabled", "aggregator.flushManager.checkEvery",
            ])
        #expect(found[0].value == "etcd-0" && found[0].remedy.contains("HOST:PORT"))
        #expect(found[2].remedy.hasPrefix("did you mean 'quantiles'?"))
        #expect(found[4].remedy.hasPrefix("did you mean 'readTimeout'?"))
        #expect(found[7].problem == "is out of range")
        #expect(
            found[5].description == "1.yml:10:13: error: aggregator.entryTTL is 'soon': is no duration; "
                + "write a number with a unit, such as 10s, 100ms, 1m30s or 2h")
    }

    @Test(arguments: [
        ("a: [1", 2, "it is no YAML"), ("a: 1\na: 2\n", 2, "stands twice"), ("\tx: 1", 1, "it is no YAML"),
        ("node: {}\n---\nnode: {}\n", 2, "second document"), ("? [a]\n: b\n", 1, "plain word"),
        ("- a\n", 1, "can't be merged"), ("node: *x\n", 1, "alias"), ("x: \"\\xq\"", 1, "it is no YAML"),
    ])
    func brokenYAML(_ text: String, _ line: Int, _ problem: String) {
        let found = problems(text)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.problem.contains(problem) == true, "\(found)")
        #expect((1...line + 1).contains(found.first?.line ?? 0), "\(found)")
    }

    @Test func deepNestingAndManyValuesAreRefused() {
        for text in [
            String(repeating: "[", count: 100_000), String(repeating: "- ", count: 50_000),
            (0..<300).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            "a: &a [1,1,1,1,1,1,1,1]\n"
                + "bcdefgh".unicodeScalars.map { "\($0): &\($0) [" + Self.eight(before: $0) + "]\n" }.joined(),
        ] {
            #expect(!problems(text).isEmpty)
        }
    }

    private static func eight(before letter: Unicode.Scalar) -> String {
        let before = Unicode.Scalar(letter.value - 1).map(String.init) ?? ""
        return [String](repeating: "*\(before)", count: 8).joined(separator: ",")
    }

    @Test func largeFilesAreRefused() {
        let found = problems(String(repeating: "#", count: ConfigParser.maxFileBytes + 1))
        #expect(found.first?.problem.contains("too many") == true)
    }

    @Test func noTextIsRefused() {
        var bytes = Array("node: {etcd: [a:1]}".utf8)
        bytes.append(0xff)
        #expect(throws: ConfigurationErrors.self) {
            try AggregatorConfiguration.read([("x", bytes)], environment: [:])
        }
    }

    @Test func missingFilesAreNamed() {
        do {
            _ = try AggregatorConfiguration.load(files: ["/nowhere/a.yml", "/nowhere/b.yml"], environment: [:])
            Issue.record("loaded")
        } catch {
            #expect(error.errors.map(\.file) == ["/nowhere/a.yml", "/nowhere/b.yml"])
            #expect(error.errors.map(\.isUnreadableFile) == [true, true])
        }
        #expect(throws: ConfigurationErrors.self) {
            try AggregatorConfiguration.load(files: [], environment: [:])
        }
    }

    /// Each line of M3's that must be there, taken out of a working file, is missed by name.
    @Test(arguments: [
        ("electionKeyFmt", "aggregator.electionManager.electionKeyFmt"),
        ("flushTimesKeyFmt", "aggregator.flushTimesManager.flushTimesKeyFmt"),
        ("topicName", "aggregator.flush.handlers[0].dynamicBackend.producer.writer.topicName"),
        ("          hashType", "aggregator.flush.handlers[0].dynamicBackend.hashType"),
        ("writeValuesPerMetricLimitPerSecondKey", "runtimeOptions.writeValuesPerMetricLimitPerSecondKey"),
        ("    eps", "aggregator.stream.eps"), ("    placementKV", "aggregator.client.placementKV"),
        ("    service: m3aggregator", "kvClient.etcd.service"),
        ("  listenAddress: 0.0.0.0:6000", "rawtcp.listenAddress"),
    ])
    func requiredKeys(_ prefix: String, _ field: String) throws {
        let text = String(decoding: try ConfigurationFixture.bytes("stock-raw-tcp.yml"), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter {
            !$0.drop { $0 == " " }.hasPrefix(prefix.drop { $0 == " " }) || !$0.hasPrefix(prefix.prefix { $0 == " " })
        }
        #expect(kept.count == lines.count - 1, "one line goes")
        let found = problems(kept.joined(separator: "\n"))
        #expect(found.map(\.field).contains(field), "\(found)")
    }

    @Test func valuesThatContradictEachOther() {
        let base = "node: {etcd: [a:1]}\n"
        let cases: [(String, String)] = [
            ("node: {etcd: [a:1], embedded: d}", "node.embedded"),
            ("node: {listen: {m3msg: 'h:1'}}", "node.etcd"),
            (base + "aggregator: {instanceID: {type: host_id_port}}", "aggregator.instanceID"),
            (
                base + "aggregator: {flush: {handlers: [{staticBackend: {type: blackhole}, dynamicBackend: {}}]}}",
                "aggregator.flush.handlers[0].staticBackend"
            ),
            (base + "aggregator: {flush: {handlers: []}}", "aggregator.flush.handlers"),
            (base + "aggregator: {flush: {handlers: [{}]}}", "aggregator.flush.handlers[0].staticBackend"),
            (base + "aggregator: {hashType: fnv}", "aggregator.hashType"),
            (base + "aggregator: {hostID: {resolver: environment}}", "aggregator.hostID.envVarName"),
            (
                base + "aggregator: {hostID: {resolver: hostname, hostname: {format: '{{.Id}}'}}}",
                "aggregator.hostID.hostname"
            ),
            (base + "m3msg: {server: {tls: {mode: enforced}}}", "m3msg.server.tls.certFile"),
            (
                base + "m3msg: {server: {tls: {mode: enforced, certFile: a, keyFile: b, mTLSEnabled: true}}}",
                "m3msg.server.tls.clientCAFile"
            ),
            (
                base + "aggregator: {electionManager: {electionKeyFmt: 'a%d%d'}}",
                "aggregator.electionManager.electionKeyFmt"
            ),
            (
                base + "aggregator: {aggregationTypes: {defaultGaugeAggregationTypes: [P99]}}",
                "aggregator.aggregationTypes.defaultGaugeAggregationTypes[0]"
            ),
            (base + "aggregator: {defaultStoragePolicies: ['0s:2d']}", "aggregator.defaultStoragePolicies[0]"),
            (base + "http: {listenAddress: '0.0.0.0:6000'}", "http.listenAddress"),
            (
                base + "aggregator: {client: {m3msg: {producer: {writer: {topicName: aggregated_metrics}}}}}",
                "aggregator.client.m3msg.producer.writer.topicName"
            ),
            (base + "aggregator: {stream: {eps: 0.7}}", "aggregator.stream.eps"),
            (base + "aggregator: {client: {type: tcp}}", "aggregator.client.type"),
        ]
        for (text, field) in cases {
            let found = problems(text)
            #expect(found.map(\.field).contains(field), "\(text): \(found)")
        }
    }

    /// D9: forwarded values that come from timed windows are all too late where the forwarding delay is too short.
    @Test func shortDelaysAreRefused() throws {
        let found = problems("node: {etcd: [a:1], buffers: {past: 18s, forwarding: 20s}, policies: ['10s:2d']}")
        #expect(found.count == 1)
        #expect(found.first?.line == 1 && found.first?.remedy.contains("node.buffers.forwarding") == true)
        #expect(found.first?.problem.contains("at least 21.0 s") ?? false, "\(found)")
        _ = try read("node: {etcd: [a:1], buffers: {past: 17s, forwarding: 20s}, policies: ['10s:2d']}")
    }

    @Test func numbersWithoutUnitAreWarnedOf() throws {
        let loaded = try read("node: {etcd: [a:1], entryTTL: 3600000000000}")
        #expect(loaded.configuration.entries.ttlNanos == 3_600_000_000_000)
        #expect(loaded.diagnostics.map(\.field) == ["node.entryTTL"])
        #expect(loaded.diagnostics.first?.problem == "a number without a unit counts nanoseconds")
    }
}
