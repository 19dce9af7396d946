import Foundation
import TestKit
import Testing

/// `m3agg tap` as a further consumer of a topic: it sees what the coordinator gets, and does it no harm.
@Suite(.serialized) struct TapEndToEndTests {
    private struct Record: Decodable {
        var kind: String
        var shard: UInt64
        var type: String?
        var id: String?
        var timeNanos: Int64?
        var values: [Double]?
        var policy: String?
    }

    private static let rules = """
        mappingRules:
          - name: highest per second
            filter: "__name__:tap_test"
            aggregations: [Max]
            storagePolicies: [{resolution: 1s, retention: 48h}]
        """
    private static let fast = ["--lateness", "1s", "--forwarding-delay", "5s"]
    private static let policy = ["M3-Storage-Policy": "1s:48h"]

    /// A tap on a free port, and its address.
    private static func startTap(_ arguments: [String], in directory: TemporaryDirectory) async throws -> (
        process: ServerProcess, address: String
    ) {
        let tap = try ServerProcess(
            name: "tap", executable: StandaloneServer.binary,
            arguments: ["tap", "--listen", "127.0.0.1:0"] + arguments,
            directory: directory.url)
        let mark = "listening on "
        let address: String = try await poll("the tap to listen") {
            try tap.checkRunning()
            guard let line = tap.log.split(separator: "\n").first(where: { $0.hasPrefix(mark) }) else { return nil }
            return String(line.dropFirst(mark.count))
        }
        return (tap, address)
    }

    private static func records(_ tap: ServerProcess) throws -> [Record] {
        try tap.log.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
            try JSONDecoder().decode(Record.self, from: Data($0.utf8))
        }
    }

    private static func send(_ number: Int, to server: StandaloneServer) async throws {
        let nowMs = Int64(Date().timeIntervalSince1970 * 1000)
        let series = ["a", "b"].map { name in
            RemoteWriteBody.Series(
                labels: ["__name__": "tap_test", "series": name],
                points: [Point(timeMs: nowMs, value: Double(number) + (name == "a" ? 0.25 : 0.5))])
        }
        let answer = try await HTTP.send(
            "POST", server.url("/api/v1/prom/remote/write"), body: RemoteWriteBody.make(series))
        #expect(answer.status == 200, "\(answer.text)")
    }

    @Test(.timeLimit(.minutes(2))) func printsWhatTheCoordinatorStores() async throws {
        let directory = try TemporaryDirectory("tap")
        let (tap, address) = try await Self.startTap(["--json", "--limit", "8"], in: directory)
        let server = try await StandaloneServer.start(
            in: directory, rules: Self.rules, arguments: Self.fast + ["--tap", address])
        var number = 0
        _ = try await poll("the tap to reach its limit", deadline: .seconds(60), every: .milliseconds(100)) {
            number += 1
            try await Self.send(number, to: server)
            return tap.isRunning ? nil : true
        }
        #expect(await tap.stop() == 0)
        #expect(tap.log.hasSuffix("8 messages\n"))
        let records = try Self.records(tap)
        #expect(records.count == 8)
        #expect(Set(records.compactMap(\.id)).count == 2)
        let last = records.compactMap(\.timeNanos).max() ?? 0
        let stored = try await poll("what the tap saw to be stored") { () -> [LabelSet: [Point]]? in
            let stored = try await PrometheusAnswers.query(server.url(""), "tap_test[5m]", headers: Self.policy)
            let isComplete =
                stored.count == 2 && stored.values.allSatisfy { ($0.last?.timeMs ?? 0) * 1_000_000 >= last }
            return isComplete ? stored : nil
        }
        for record in records {
            #expect(record.kind == "aggregated")
            #expect(record.policy == "1s:2d")
            #expect(record.shard < 64)
            let name = record.id?.contains("series=\"a\"") == true ? "a" : "b"
            #expect(record.id == "tap_test{series=\"\(name)\"}")
            let point = Point(timeMs: (record.timeNanos ?? 0) / 1_000_000, value: record.values?.first ?? .nan)
            #expect(stored[["__name__": "tap_test", "series": name]]?.contains(point) == true, "\(record)")
        }
        await server.process.stop()
    }

    /// A listener that never takes a connection: to its peer it looks like a consumer that hangs.
    private final class HangingConsumer {
        let port: Int
        private let descriptor: Int32

        init() throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = descriptor
            let result = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int32 in
                    guard bind(descriptor, pointer, length) == 0, listen(descriptor, 64) == 0 else { return -1 }
                    return getsockname(descriptor, pointer, &length)
                }
            }
            guard result == 0 else { throw POSIXError(.EADDRINUSE) }
            port = Int(UInt16(bigEndian: address.sin_port))
        }

        deinit { close(descriptor) }
    }

    @Test(.timeLimit(.minutes(3)), arguments: ["absent", "hanging"])
    func aTapThatDoesNotTakeAnythingHurtsNobodyElse(_ kind: String) async throws {
        let directory = try TemporaryDirectory("tap-\(kind)")
        let hanging = kind == "hanging" ? try HangingConsumer() : nil
        defer { withExtendedLifetime(hanging) {} }
        let port = try hanging?.port ?? freePort()
        let server = try await StandaloneServer.start(
            in: directory, rules: Self.rules, arguments: Self.fast + ["--tap", "127.0.0.1:\(port)"])
        var number = 0
        let stored = try await poll("windows in storage", deadline: .seconds(60), every: .milliseconds(100)) {
            () -> [LabelSet: [Point]]? in
            number += 1
            try await Self.send(number, to: server)
            let stored = try await PrometheusAnswers.query(server.url(""), "tap_test[5m]", headers: Self.policy)
            return stored.count == 2 && stored.values.allSatisfy { $0.count >= 5 } ? stored : nil
        }
        #expect(stored.count == 2)
        let metrics = try await poll("the coordinator's queue to drain") { () -> ScrapedMetrics? in
            let metrics = try await ScrapedMetrics.scrape(server)
            let unacked = "m3agg_message_queue_producer_messages_unacked"
            let tap = metrics.total(unacked, "service=\"m3agg-tap\"")
            return tap > 0 && metrics.total(unacked) == tap && metrics.total("m3agg_aggregator_open_values") == 0
                ? metrics : nil
        }
        #expect(metrics.total("m3agg_message_queue_producer_dropped_total") == 0)
        #expect(await server.process.stop(deadline: .seconds(25)) == 0, "\(server.process.log.suffix(2000))")
        // What storage took is told apart from what the tap did not.
        #expect(server.process.log.contains(" 0 values not taken by storage"), "\(server.process.log.suffix(500))")
    }

    /// The other topic: the tap stands where an aggregator would.
    @Test(.timeLimit(.minutes(2))) func readsMetricsOnTheirWayToAnAggregator() async throws {
        let directory = try TemporaryDirectory("tap-ingest")
        let (tap, address) = try await Self.startTap(["--json"], in: directory)
        let loadgen = try ServerProcess(
            name: "loadgen", executable: StandaloneServer.binary,
            arguments: [
                "loadgen", "--ingest", address, "--type", "timer", "--series", "5", "--rate", "100", "--duration", "1s",
            ], directory: directory.url)
        let status = try await poll("loadgen to end", deadline: .seconds(60)) {
            loadgen.isRunning ? nil : await loadgen.stop()
        }
        #expect(status == 0, "\(loadgen.log)")
        #expect(await tap.stop(signal: SIGINT, deadline: .seconds(20)) == 0)
        #expect(tap.log.hasSuffix("100 messages\n"))
        let records = try Self.records(tap)
        #expect(records.count == 100)
        #expect(Set(records.map(\.kind)) == ["timedWithMetadatas"])
        #expect(Set(records.compactMap(\.type)) == ["timer"])
        #expect(Set(records.compactMap(\.id)).count == 5)
        #expect(records.allSatisfy { $0.values?.count == 1 && ($0.timeNanos ?? 0) > 0 && $0.policy == nil })
    }
}
