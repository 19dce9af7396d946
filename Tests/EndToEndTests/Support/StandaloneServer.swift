import Foundation
import TestKit

/// `m3agg standalone` as a process of its own, on free ports and a folder of the test.
struct StandaloneServer {
    /// What the server wrote to `addresses.json`: `HOST:PORT` by role.
    struct Addresses: Decodable {
        var http: String
        var ingest: String
        var aggregated: String
    }

    let process: ServerProcess
    let addresses: Addresses
    let dataDirectory: String

    /// The executable that the build made; `M3AGG_BINARY` names another one, such as the release build.
    static var binary: String {
        if let path = ProcessInfo.processInfo.environment["M3AGG_BINARY"], !path.isEmpty { return path }
        return Bundle.main.bundleURL.deletingLastPathComponent().appendingPathComponent("debug/m3agg").path
    }

    /// Starts the server and waits until it is ready.
    /// - Parameters:
    ///   - directory: holds the data (`data`) and the log; a second start on the same folder finds the data again.
    ///   - rules: the YAML text of a rules file.
    static func start(
        in directory: TemporaryDirectory, rules: String, arguments: [String] = []
    ) async throws -> StandaloneServer {
        _ = try directory.write(rules, to: "rules/rules.yaml")
        let addressFile = URL(fileURLWithPath: directory.path("data/addresses.json"))
        try? FileManager.default.removeItem(at: addressFile)
        let process = try ServerProcess(
            name: "m3agg", executable: binary,
            arguments: [
                "standalone", "--data-dir", directory.path("data"), "--rules", directory.path("rules"),
                "--http", "127.0.0.1:0", "--ingest", "127.0.0.1:0", "--aggregated", "127.0.0.1:0",
            ] + arguments, directory: directory.url)
        let addresses: Addresses = try await poll("the addresses of m3agg", deadline: .seconds(60)) {
            if !process.isRunning { return nil }
            return try JSONDecoder().decode(Addresses.self, from: Data(contentsOf: addressFile))
        }
        let server = StandaloneServer(process: process, addresses: addresses, dataDirectory: directory.path("data"))
        _ = try await poll("m3agg to be ready", deadline: .seconds(60)) {
            try await HTTP.send("GET", server.url("/ready")).status == 200 ? true : nil
        }
        return server
    }

    func url(_ path: String) -> String { "http://\(addresses.http)\(path)" }

    /// The port of a `HOST:PORT`.
    static func port(_ address: String) -> Int { Int(address.split(separator: ":").last ?? "") ?? 0 }
}
