import Cluster
import Etcd
import Logging
import NIOCore
import NodeConfiguration
import Transport

/// TLS as a configuration has it, as what is done to connections. Source: `docs/tls.md`.
enum RoleTLS {
    /// For accepted connections of a server; nil when its mode is disabled.
    /// - Parameter key: the section of the configuration, for errors.
    /// - Throws: ``RoleFailure/tls(key:reason:)``
    static func server(
        _ tls: ServerTLS, key: String, logger: Logger
    ) throws -> (@Sendable (any Channel) throws -> Void)? {
        guard let mode = TLSMode(rawValue: tls.mode.rawValue), mode != .disabled else { return nil }
        // As in M3, the authorities alone ask nothing of clients.
        var options = TLSServerOptions(
            certificateFile: tls.certFile, keyFile: tls.keyFile, clientCAFile: tls.mutualTLS ? tls.clientCAFile : nil,
            mode: mode)
        if tls.certificatesTTLNanos > 0 { options.reloadInterval = .nanoseconds(tls.certificatesTTLNanos) }
        let context = try naming(key) { try TLSServerContext(options, logger: logger) }
        return { try context.configure($0) }
    }

    /// For connections to etcd; nil for plain ones.
    /// - Throws: ``RoleFailure/tls(key:reason:)``
    static func etcd(
        _ cluster: EtcdCluster, isTLS: Bool, logger: Logger
    ) throws -> EtcdOptions.ChannelConfiguration? {
        guard isTLS || cluster.tls != nil else { return nil }
        func file(_ path: String?) -> String? { path.flatMap { $0.isEmpty ? nil : $0 } }
        let options = TLSClientOptions(
            caFile: file(cluster.tls?.caFile), certificateFile: file(cluster.tls?.certFile),
            keyFile: file(cluster.tls?.keyFile), alpn: ["h2"])
        let context = try naming("kvClient.etcd.etcdClusters.tls") { try TLSClientContext(options, logger: logger) }
        return { channel, endpoint in
            channel.eventLoop.makeCompletedFuture { try context.configure(channel, host: endpoint.host) }
        }
    }

    private static func naming<Value>(_ key: String, _ make: () throws -> Value) throws -> Value {
        do {
            return try make()
        } catch {
            throw RoleFailure.tls(key: key, reason: "\(error)")
        }
    }
}
