/// Finds the handler of a request by method and path. Pure: it knows no sockets.
///
/// A pattern is a path whose segments stand for themselves or, written `{name}`, for any one segment.
public struct HTTPRouter: Sendable {
    public typealias Handler = @Sendable (HTTPRequest, PathParameters) async -> HTTPReply

    /// The segments that stood at the `{name}`s of the pattern.
    public struct PathParameters: Sendable {
        var values: [String: String] = [:]

        /// The segment's text, percent escapes resolved; empty when the pattern has no such name.
        public subscript(_ name: String) -> String { values[name] ?? "" }
    }

    /// Where a handler runs.
    public enum Placement: Sendable {
        /// On the connection's event loop: for handlers that never compute for more than a few milliseconds, and that come
        /// often.
        case eventLoop
        /// In the concurrent pool, so that no connection waits for a handler that computes for long.
        case pool
    }

    /// Longer bodies, in bytes, are handled in the pool wherever their handler is placed.
    public static let maxBodyOnEventLoop = 256 * 1024

    private enum Segment: Equatable {
        case literal(String)
        case parameter(String)
    }

    private struct Route {
        let methods: [String]
        let pattern: String
        let segments: [Segment]
        let placement: Placement
        let handler: Handler
    }

    public enum Match: Sendable {
        /// - Parameter pattern: the route as it was declared: a name of bounded variety, for metrics.
        case found(pattern: String, PathParameters, Placement, Handler)
        case methodNotAllowed(pattern: String, allowed: [String])
        case notFound
    }

    private var routes: [Route] = []

    public init() {}

    /// Declares a route. Earlier routes win; a route for `GET` answers `HEAD` too.
    public mutating func on(
        _ methods: [String], _ pattern: String, placement: Placement = .pool, _ handler: @escaping Handler
    ) {
        let segments = pattern.split(separator: "/").map { text -> Segment in
            if text.hasPrefix("{"), text.hasSuffix("}") { return .parameter(String(text.dropFirst().dropLast())) }
            return .literal(String(text))
        }
        routes.append(
            Route(methods: methods, pattern: pattern, segments: segments, placement: placement, handler: handler))
    }

    public mutating func get(_ pattern: String, _ handler: @escaping Handler) { on(["GET"], pattern, handler) }

    public mutating func post(_ pattern: String, placement: Placement = .pool, _ handler: @escaping Handler) {
        on(["POST"], pattern, placement: placement, handler)
    }

    public mutating func getOrPost(_ pattern: String, _ handler: @escaping Handler) {
        on(["GET", "POST"], pattern, handler)
    }

    /// Methods and patterns of all routes, in the order of their declaration.
    public var listing: [(methods: [String], pattern: String)] { routes.map { ($0.methods, $0.pattern) } }

    public func match(method: String, path: [String]) -> Match {
        let wanted = method == "HEAD" ? "GET" : method
        var allowed: [String] = []
        var pattern = ""
        for route in routes {
            guard let parameters = Self.parameters(of: path, in: route.segments) else { continue }
            if route.methods.contains(wanted) {
                return .found(pattern: route.pattern, parameters, route.placement, route.handler)
            }
            allowed += route.methods.filter { !allowed.contains($0) }
            if pattern.isEmpty { pattern = route.pattern }
        }
        return allowed.isEmpty ? .notFound : .methodNotAllowed(pattern: pattern, allowed: allowed)
    }

    /// Answers a request; 404 and 405 have Prometheus' error form.
    /// - Returns: the reply, and the pattern that was met (`none` for 404) as a label for metrics.
    public func respond(to request: HTTPRequest) async -> (reply: HTTPReply, route: String) {
        switch match(method: request.method, path: request.path) {
        case .found(let pattern, let parameters, .eventLoop, let handler)
        where request.body.count <= Self.maxBodyOnEventLoop:
            return (await handler(request, parameters), pattern)
        case .found(let pattern, let parameters, _, let handler):
            let reply = await withTaskExecutorPreference(globalConcurrentExecutor) {
                await handler(request, parameters)
            }
            return (reply, pattern)
        case .methodNotAllowed(let pattern, let allowed):
            let methods = allowed.joined(separator: ", ")
            var reply = HTTPReply.error(
                405, type: "method_not_allowed", "\(request.method) is not allowed for \(pattern): use \(methods)")
            reply.headers["Allow"] = methods
            return (reply, pattern)
        case .notFound:
            let path = "/" + request.path.joined(separator: "/")
            return (
                HTTPReply.error(
                    404, type: "not_found", "there is nothing at \(path.prefix(200)); / lists what there is"),
                "none"
            )
        }
    }

    private static func parameters(of path: [String], in segments: [Segment]) -> PathParameters? {
        guard path.count == segments.count else { return nil }
        var parameters = PathParameters()
        for (text, segment) in zip(path, segments) {
            switch segment {
            case .literal(let literal): if literal != text { return nil }
            case .parameter(let name): parameters.values[name] = text
            }
        }
        return parameters
    }
}
