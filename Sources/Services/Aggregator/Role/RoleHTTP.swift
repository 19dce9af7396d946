import Logging
import NIOCore
import NodeConfiguration
import Telemetry
import Transport

/// The HTTP servers of an aggregator: the one of M3's endpoints, and one for metrics where an address of their own is
/// given.
struct RoleHTTP {
    struct Started {
        var main: String
        var metrics: String?
        var servers: [HTTPServer]
    }

    let configuration: AggregatorConfiguration
    let leadership: any AggregatorLeadership
    let problem: RoleProblem
    let group: any EventLoopGroup
    let registry: Registry
    let logger: Logger

    func start(_ started: inout StartedParts) async throws -> Started {
        var options = HTTPServerOptions()
        options.maxBodyBytes = 1 << 20
        options.idleTimeoutNanos = max(options.idleTimeoutNanos, configuration.http.readTimeoutNanos)
        if configuration.http.readTimeoutNanos > 0 { options.bodyTimeoutNanos = configuration.http.readTimeoutNanos }
        let problem = problem
        let path = configuration.metrics.path
        let routes = AggregatorHTTP(
            leadership: leadership, resignTimeoutNanos: configuration.resignTimeoutNanos,
            problem: { problem.current }, registry: registry,
            metricsPath: path.isEmpty ? nil : path, logger: logger)
        let main = try await serve(
            routes.router, configuration.http.listenAddress, "http.listenAddress", options, &started)
        var result = Started(main: main.address, metrics: nil, servers: [main.server])
        if let address = configuration.metrics.listenAddress {
            let metrics = try await serve(
                AggregatorHTTP.metricsOnly(registry, path: path.isEmpty ? "/metrics" : path), address,
                "metrics.prometheus.listenAddress", options, &started)
            result.metrics = metrics.address
            result.servers.append(metrics.server)
        }
        return result
    }

    private func serve(
        _ router: HTTPRouter, _ address: NodeConfiguration.ListenAddress, _ key: String, _ options: HTTPServerOptions,
        _ started: inout StartedParts
    ) async throws -> (server: HTTPServer, address: String) {
        let server = HTTPServer(
            group: group, host: address.host, port: address.port, options: options, router: router, registry: registry,
            logger: logger)
        let bound = try await ListenFailure.naming(key, .init(host: address.host, port: address.port)) {
            try await server.start()
        }
        started.add { await server.stop() }
        return (server, bound.description)
    }
}
