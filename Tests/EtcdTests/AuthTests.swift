import KeyValue
import TestKit
import Testing

@testable import Etcd

@Suite struct AuthTests {
    private static func withUsers(_ body: (EtcdCluster) async throws -> Void) async throws {
        let cluster = try await EtcdCluster()
        try await eventually("etcd answers") { try await !cluster.control(["endpoint", "health"]).isEmpty }
        for command in [
            "user add root:secret", "user grant-role root root", "user add m3agg:pass", "role add control",
            "role grant-permission control readwrite --prefix=true _kv/", "user grant-role m3agg control",
            "auth enable",
        ] {
            do {
                try await cluster.control(command.split(separator: " ").map(String.init))
            } catch {
                // The role may have to be made first, depending on the version.
                try await cluster.control(["role", "add", "root"])
                try await cluster.control(command.split(separator: " ").map(String.init))
            }
        }
        try await body(cluster)
        await cluster.stopAll()
    }

    @Test func aUserReadsAndWritesWhatItsRoleAllows() async throws {
        try await Self.withUsers { cluster in
            let store = try makeStore(cluster.endpoints, credentials: .init(user: "m3agg", password: "pass"))
            #expect(try await store.set("_kv/a", [1]) == 1)
            let watch = try await store.watch("_kv/a")
            let error = await #expect(throws: KeyValueError.self) { try await store.set("other", [1]) }
            guard case .refused(let reason) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reason.contains("permission denied"))
            // A restarted member has forgotten the tokens that it gave out.
            await cluster.stop()
            try await cluster.start()
            try await eventually("a write with a new token") { try await store.set("_kv/a", [2]) > 0 }
            #expect(await next(of: watch) { $0?.bytes == [2] } != nil)
            await store.close()
        }
    }

    @Test func tokensAreRenewedOnTheSameConnection() async throws {
        try await Self.withUsers { cluster in
            let store = try makeStore(cluster.endpoints, credentials: .init(user: "m3agg", password: "pass"))
            try await store.set("_kv/a", [1])
            // Any change of users or roles makes the tokens of before invalid for writes.
            try await cluster.control(["--user=root:secret", "user", "add", "another:one"])
            #expect(try await store.set("_kv/a", [2]) == 2)
            #expect(try await store.get("_kv/a").version == 2)
            await store.close()
        }
    }

    @Test func wrongOrMissingCredentialsAreRefusedAtOnce() async throws {
        try await Self.withUsers { cluster in
            for credentials in [EtcdOptions.Credentials(user: "m3agg", password: "wrong"), nil] {
                let store = try makeStore(cluster.endpoints, credentials: credentials) {
                    $0.requestTimeout = .seconds(600)
                }
                let error = await #expect(throws: KeyValueError.self) { try await store.set("_kv/a", [1]) }
                guard case .refused(let reason) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                if credentials != nil { #expect(reason.contains("m3agg")) }
                await store.close()
            }
        }
    }

    @Test func credentialsDoNoHarmWhereNobodyAsksForThem() async throws {
        let cluster = try await EtcdCluster()
        let store = try makeStore(cluster.endpoints, credentials: .init(user: "m3agg", password: "pass"))
        #expect(try await store.set("a", [1]) == 1)
        await store.close()
        await cluster.stopAll()
    }
}
