import Foundation
import TestKit
import Testing

/// Two processes on one data folder: the second one gives up, the first one goes on.
@Suite(.serialized) struct SecondProcessTests {
    @Test(.timeLimit(.minutes(2))) func aFolderInUseIsRefusedClearly() async throws {
        let directory = try TemporaryDirectory("second")
        let first = try await StandaloneServer.start(in: directory, rules: "mappingRules: []")
        let second = try ServerProcess(
            name: "second", executable: StandaloneServer.binary,
            arguments: [
                "standalone", "--data-dir", directory.path("data"), "--http", "127.0.0.1:0", "--ingest", "127.0.0.1:0",
                "--aggregated", "127.0.0.1:0",
            ], directory: directory.url)
        _ = try await poll("the second process to end", deadline: .seconds(60)) { second.isRunning ? nil : true }
        #expect(await second.stop() == 1)
        #expect(second.log.contains("m3agg standalone: "), "\(second.log)")
        #expect(second.log.contains("is in use by another process"), "\(second.log)")
        #expect(try await HTTP.send("GET", first.url("/ready")).status == 200)
        let addresses = try Data(contentsOf: directory.url.appendingPathComponent("data/addresses.json"))
        #expect(try JSONDecoder().decode(StandaloneServer.Addresses.self, from: addresses).http == first.addresses.http)
        #expect(await first.process.stop() == 0)
    }
}
