import Foundation
import Synchronization

/// Members of an etcd cluster, each with ports and a folder of its own, which tests stop, kill, freeze and start again.
public final class EtcdCluster: Sendable {
    private struct Member {
        var clientPort: Int
        var peerPort: Int
        var process: ServerProcess?
    }

    /// Files with which members speak TLS to clients; a client's certificate is asked for when there is an authority of
    /// theirs.
    public struct TLS: Sendable {
        var certificateFile: String
        var keyFile: String
        var clientCAFile: String?

        public init(certificateFile: String, keyFile: String, clientCAFile: String?) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.clientCAFile = clientCAFile
        }

        var arguments: [String] {
            ["--cert-file=\(certificateFile)", "--key-file=\(keyFile)"]
                + (clientCAFile.map { ["--client-cert-auth", "--trusted-ca-file=\($0)"] } ?? [])
        }
    }

    private let directory: TemporaryDirectory
    private let members: Mutex<[Member]>
    private let size: Int
    private let tls: TLS?

    /// Starts the members; returns when all of them take connections.
    public init(members size: Int = 1, tls: TLS? = nil) async throws {
        self.size = size
        self.tls = tls
        directory = try TemporaryDirectory("etcd")
        let members = try (0..<size).map { _ in Member(clientPort: try freePort(), peerPort: try freePort()) }
        self.members = Mutex(members)
        for index in 0..<size { try launch(index) }
        for index in 0..<size { try await waitUntilListening(index) }
    }

    /// `host:port` of each member.
    public var endpoints: [String] { members.withLock { $0.map { "127.0.0.1:\($0.clientPort)" } } }

    public func log(_ index: Int = 0) -> String { process(index)?.log ?? "" }

    /// Ends a member; SIGKILL unless said otherwise.
    public func stop(_ index: Int = 0, signal: Int32 = SIGKILL) async {
        await process(index)?.stop(signal: signal)
    }

    public func stopAll(signal: Int32 = SIGKILL) async {
        for index in 0..<size { await stop(index, signal: signal) }
    }

    /// Starts a stopped member with the data that it had.
    public func start(_ index: Int = 0) async throws {
        try launch(index)
        try await waitUntilListening(index)
    }

    public func startAll() async throws {
        for index in 0..<size { try launch(index) }
        for index in 0..<size { try await waitUntilListening(index) }
    }

    /// A frozen member keeps its connections and answers nothing.
    public func freeze(_ index: Int = 0) { signal(index, SIGSTOP) }

    public func thaw(_ index: Int = 0) { signal(index, SIGCONT) }

    /// Runs etcdctl against the first member and returns what it prints.
    @discardableResult
    public func control(_ arguments: [String]) async throws -> String {
        let name = "etcdctl-\(UUID().uuidString)"
        // Into a file: a pipe's other end would be inherited by members that start at the same time.
        let process = try ServerProcess(
            name: name, executable: "etcdctl", arguments: ["--endpoints=\(endpoints[0])"] + arguments,
            directory: directory.url, environment: ["ETCDCTL_API": "3"])
        let status = await process.stop(signal: 0)
        guard status == 0 else { throw ServerProcess.Failure.exited(name: name, status: status, log: process.log) }
        return process.log
    }

    private func process(_ index: Int) -> ServerProcess? { members.withLock { $0[index].process } }

    private func signal(_ index: Int, _ number: Int32) {
        if let process = process(index) { kill(process.processIdentifier, number) }
    }

    private func launch(_ index: Int) throws {
        let all = members.withLock { $0 }
        let peers = all.enumerated().map { "m\($0)=http://127.0.0.1:\($1.peerPort)" }.joined(separator: ",")
        let client = "\(tls == nil ? "http" : "https")://127.0.0.1:\(all[index].clientPort)"
        let peer = "http://127.0.0.1:\(all[index].peerPort)"
        let process = try ServerProcess(
            name: "etcd-m\(index)", executable: "etcd",
            arguments: [
                "--name=m\(index)", "--data-dir=\(directory.path("m\(index)"))", "--listen-client-urls=\(client)",
                "--advertise-client-urls=\(client)", "--listen-peer-urls=\(peer)",
                "--initial-advertise-peer-urls=\(peer)", "--initial-cluster=\(peers)",
                "--initial-cluster-state=new", "--logger=zap", "--log-outputs=stderr",
            ] + (tls?.arguments ?? []), directory: directory.url)
        members.withLock { $0[index].process = process }
    }

    private func waitUntilListening(_ index: Int) async throws {
        let port = members.withLock { $0[index].clientPort }
        try await poll("etcd member \(index) listens", deadline: .seconds(60)) {
            try self.process(index)?.checkRunning()
            return try LoopbackPeer(port: port)
        }.close()
    }
}
