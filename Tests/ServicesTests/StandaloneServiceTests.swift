import Foundation
import KeyValue
import Logging
import MessageQueue
import Metrics
import NIOPosix
import TestKit
import Testing
import WireFormat

@testable import Services

/// All roles in one process, over real sockets and folders.
@Suite(.serialized) struct StandaloneServiceTests {
    private func options(_ directory: TemporaryDirectory) -> StandaloneOptions {
        var options = StandaloneOptions(dataDirectory: directory.path("data"))
        options.http.port = 0
        options.ingest.port = 0
        options.aggregated.port = 0
        options.connectionFlushNanos = 1_000_000
        return options
    }

    private func start(_ options: StandaloneOptions) async throws -> StandaloneService {
        try await StandaloneService.start(options: options, group: testLoops, logger: quiet)
    }

    private func ready(_ service: StandaloneService) async throws {
        _ = try await poll("the process to be ready") {
            try await HTTP.send("GET", "http://\(service.addresses.http)/ready").status == 200 ? true : nil
        }
    }

    /// The values that the API has of a name, in the order of time.
    private func values(_ name: String, policy: String?, of service: StandaloneService) async throws -> [Double] {
        struct Answer: Decodable {
            struct Content: Decodable { var result: [Series] }
            struct Series: Decodable { var values: [Sample] }
            struct Sample: Decodable {
                var value: Double
                init(from decoder: any Decoder) throws {
                    var list = try decoder.unkeyedContainer()
                    _ = try list.decode(Double.self)
                    value = Double(try list.decode(String.self)) ?? .nan
                }
            }
            var data: Content
        }
        let now = WallClock.nowNanos() / second + 60
        let answer = try await HTTP.send(
            "GET", "http://\(service.addresses.http)/api/v1/query?query=\(name)%5B10m%5D&time=\(now)",
            headers: policy.map { ["M3-Storage-Policy": $0] } ?? [:])
        try #require(answer.status == 200, "\(answer.text)")
        return try JSONDecoder().decode(Answer.self, from: answer.body).data.result.flatMap { $0.values.map(\.value) }
    }

    @Test(.timeLimit(.minutes(2))) func startsStopsAndStartsAgainOnTheSameFolder() async throws {
        let directory = try TemporaryDirectory("standalone")
        let first = try await start(options(directory))
        #expect(try AddressFile.read(from: directory.path("data")) == first.addresses)
        #expect(first.addresses.pid == ProcessInfo.processInfo.processIdentifier)
        #expect(!first.addresses.http.hasSuffix(":0"))
        try await ready(first)
        let nowMs = WallClock.nowMs()
        let written = try await HTTP.send(
            "POST", "http://\(first.addresses.http)/api/v1/prom/remote/write",
            body: Data(RemoteWrite.body([RemoteWrite.series("kept", 7, atMs: nowMs)])))
        #expect(written.status == 200, "\(written.text)")
        #expect(try await values("kept", policy: nil, of: first) == [7])
        #expect(await first.stop().hasPrefix("0 aggregated values published"))

        let again = try await start(options(directory))
        // Other ports: topics and placements have to follow.
        try await ready(again)
        #expect(try await values("kept", policy: nil, of: again) == [7])
        _ = await again.stop()
    }

    @Test(.timeLimit(.minutes(2))) func aFolderInUseIsRefusedAndItsUserUnharmed() async throws {
        let directory = try TemporaryDirectory("standalone")
        let first = try await start(options(directory))
        let error = await #expect(throws: (any Error).self) { _ = try await start(options(directory)) }
        #expect("\(try #require(error))".contains("in use by another process"))
        #expect(try AddressFile.read(from: directory.path("data")) == first.addresses)
        try await ready(first)
        _ = await first.stop()
    }

    @Test(.timeLimit(.minutes(2))) func aPortInUseIsNamed() async throws {
        let directory = try TemporaryDirectory("standalone")
        let other = try TemporaryDirectory("standalone")
        let first = try await start(options(directory))
        var taken = options(other)
        taken.ingest.port = try #require(Int(first.addresses.ingest.split(separator: ":").last ?? ""))
        let error = await #expect(throws: (any Error).self) { _ = try await start(taken) }
        let text = "\(try #require(error))"
        #expect(text.contains("127.0.0.1:\(taken.ingest.port)"))
        #expect(text.contains("--ingest"))
        // What had been started is gone, so the folder is free.
        let second = try await start(options(other))
        try await ready(second)
        _ = await second.stop()
        _ = await first.stop()
    }

    @Test(.timeLimit(.minutes(2))) func aStopPublishesWindowsThatAreOverAndCountsTheOpenOnes() async throws {
        let directory = try TemporaryDirectory("standalone")
        let service = try await start(options(directory))
        try await ready(service)
        let now = WallClock.nowNanos()
        let producer = try startProducer(service.addresses.ingest)
        var batch = PayloadBatch()
        // Over for seconds, though late samples are waited for; and half a minute ahead.
        for (value, offset) in [(3.0, Int64(-4)), (4.0, -4), (100.0, 30)] {
            batch.append(
                shard: try Message.shard("stopped", of: 64),
                try Message.timed("stopped", value, at: now + offset * second, policy: "1s:1h"))
        }
        try producer.produce(batch)
        #expect(await producer.close(deadline: .seconds(30)).services[0].acked == 3)
        let summary = await service.stop()
        #expect(
            summary == "1 aggregated values published, 1 samples in windows that were still open dropped, "
                + "0 values not taken by storage")
        let again = try await start(options(directory))
        #expect(try await values("stopped", policy: "1s:1h", of: again) == [7])
        _ = await again.stop()
    }

    @Test(.timeLimit(.minutes(2))) func brokenRulesAreNamedAtTheStart() async throws {
        let directory = try TemporaryDirectory("standalone")
        _ = try directory.write("rollupRules: 3", to: "rules/bad.yaml")
        var options = options(directory)
        options.rulesDirectory = directory.path("rules")
        let broken = options
        let error = await #expect(throws: (any Error).self) { _ = try await start(broken) }
        #expect("\(try #require(error))".contains("bad.yaml:1:"))
        // The folder is free again.
        options.rulesDirectory = nil
        _ = await (try await start(options)).stop()
    }
}

struct AddressFileTests {
    private let addresses = AddressFile(
        http: "127.0.0.1:7201", ingest: "127.0.0.1:6000", aggregated: "[::1]:7507", pid: 42)

    @Test func isReadAsItWasWritten() throws {
        let directory = try TemporaryDirectory("addresses")
        try addresses.write(to: directory.url.path)
        #expect(try AddressFile.read(from: directory.url.path) == addresses)
        var other = addresses
        other.pid = 43
        try other.write(to: directory.url.path)
        #expect(try AddressFile.read(from: directory.url.path) == other)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == ["addresses.json"])
    }

    @Test func isPlainJSON() throws {
        let directory = try TemporaryDirectory("addresses")
        try addresses.write(to: directory.url.path)
        let data = try Data(contentsOf: directory.url.appendingPathComponent("addresses.json"))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["http"] as? String == "127.0.0.1:7201")
        #expect(object["aggregated"] as? String == "[::1]:7507")
        #expect(object["pid"] as? Int == 42)
    }

    @Test func aMissingFolderIsAnError() throws {
        let directory = try TemporaryDirectory("addresses")
        #expect(throws: (any Error).self) { try AddressFile.read(from: directory.path("none")) }
        #expect(throws: (any Error).self) { try addresses.write(to: directory.path("none")) }
    }
}

struct DataFolderTests {
    @Test func aPathThatIsAFileIsNamed() throws {
        let directory = try TemporaryDirectory("data")
        let file = try directory.write("x", to: "file")
        let error = #expect(throws: DataFolder.Failure.self) { try DataFolder(file) }
        #expect("\(try #require(error))".contains("--data-dir '\(file)' cannot be made"))
    }
}
