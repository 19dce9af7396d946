import ArgumentParser
import Foundation
import NodeConfiguration
import TestKit
import Testing

@testable import m3agg

/// `m3agg cluster` over real etcd.
@Suite struct ClusterCommandTests {
    private static let file = """
        environment: pool
        aggregators:
          numShards: 8
          replicas: 2
          instances:
            - {id: a1, endpoint: "a1:6000", isolationGroup: rack-a}
            - {id: b1, endpoint: "b1:6000", isolationGroup: rack-b}
        coordinators:
          instances:
            - {id: c1, endpoint: "c1:7507"}
        """

    private func run(_ arguments: [String]) async throws -> Int32 {
        var command = try M3Agg.parseAsRoot(["cluster"] + arguments)
        do {
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        }
    }

    @Test func aClusterIsSetUpOnceAndShown() async throws {
        let cluster = try await EtcdCluster(members: 1)
        let folder = try TemporaryDirectory("cluster")
        let path = folder.path("cluster.yml")
        try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
        let etcd = ["--etcd", cluster.endpoints[0]]
        let initialize = ["init", "-f", path] + etcd
        #expect(try await run(["status", "--env", "pool"] + etcd) == 3)
        #expect(try await run(initialize + ["--dry-run"]) == 3)
        #expect(try await cluster.control(["get", "--prefix", "--keys-only", "/"]).isEmpty)
        #expect(try await run(initialize) == 0)
        let keys = try await cluster.control(["get", "--prefix", "--keys-only", ""]).split(separator: "\n").map(
            String.init)
        #expect(
            keys == [
                "/placement/pool/m3aggregator", "/topic/pool/aggregated_metrics", "/topic/pool/aggregator_ingest",
                "_sd.placement/pool/m3coordinator",
            ])
        #expect(try await run(initialize + ["--dry-run", "--json"]) == 0)
        #expect(try await run(initialize) == 0)
        #expect(try await run(["status", "--env", "pool"] + etcd) == 3, "nobody leads")
        try await cluster.control(["put", "_ld/pool/m3aggregator/shardset/1/lock/1", "b1"])
        #expect(try await run(["status", "--env", "pool"] + etcd) == 0)
        #expect(try await run(["status", "--env", "pool", "--json"] + etcd) == 0)

        try Self.file.replacingOccurrences(of: "numShards: 8", with: "numShards: 16")
            .write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try await run(initialize) == 1)
        await cluster.stopAll()
        #expect(try await run(["status", "--env", "pool"] + etcd) == 1)
    }

    @Test func filesThatAreWrong() async throws {
        let folder = try TemporaryDirectory("cluster")
        let path = folder.path("cluster.yml")
        for (find, wrong) in [
            ("a1:6000", "a1"), ("replicas: 2", "replica: 2"), ("id: b1", "id: a1"), ("numShards: 8", "numShards: 0"),
            (Self.file, ""), (Self.file, "- a"),
        ] {
            try Self.file.replacingOccurrences(of: find, with: wrong)
                .write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try await run(["init", "-f", path, "--etcd", "127.0.0.1:1"]) == 2, "\(wrong)")
        }
        #expect(try await run(["init", "-f", "/nowhere/cluster.yml", "--etcd", "127.0.0.1:1"]) == 2)
        #expect(try await run(["status", "--data-dir", "/nowhere"]) == 1)
    }

    @Test func usage() throws {
        for arguments in [
            ["cluster", "status"], ["cluster", "status", "--etcd", "h:1", "--data-dir", "d"],
            ["cluster", "status", "--etcd", "https://h:1"], ["cluster", "init", "--etcd", "h:1"],
            ["cluster", "status", "--etcd", "h"],
        ] { #expect(throws: (any Error).self) { try M3Agg.parseAsRoot(arguments) } }
    }
}
