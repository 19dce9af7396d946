import Synchronization
import Telemetry

/// What an ``HTTPServer`` counts: requests by route and code, durations by route, refusals by reason.
final class HTTPServerMetrics: Sendable {
    private struct Key: Hashable {
        let route: String
        let code: Int
    }

    private let registry: Registry
    private let requests = Mutex<[Key: Counter]>([:])
    private let durations = Mutex<[String: Histogram]>([:])
    let bodyBytes: Counter
    let inFlight: Gauge

    init(registry: Registry) {
        self.registry = registry
        bodyBytes = registry.counter("m3agg_http_request_body_bytes_total", help: "Bytes of request bodies received.")
        inFlight = registry.gauge("m3agg_http_requests_in_flight", help: "Requests being received or handled.")
    }

    func record(route: String, code: Int, seconds: Double) {
        let counter = requests.withLock { cache in
            if let known = cache[Key(route: route, code: code)] { return known }
            let made = registry.counter(
                "m3agg_http_requests_total", help: "HTTP requests by route and status code.",
                labels: [("route", route), ("code", String(code))])
            cache[Key(route: route, code: code)] = made
            return made
        }
        counter.add(1 as UInt64)
        let histogram = durations.withLock { cache in
            if let known = cache[route] { return known }
            let made = registry.histogram(
                "m3agg_http_request_seconds", help: "Time from a request's head to its answer, by route.",
                labels: [("route", route)])
            cache[route] = made
            return made
        }
        histogram.observe(seconds)
    }

    func drop(reason: String) {
        registry.counter(
            "m3agg_http_requests_dropped_total", help: "Requests that reached no route, by reason.",
            labels: [("reason", reason)]
        ).add(1 as UInt64)
    }
}
