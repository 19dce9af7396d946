import Glibc

/// Three made-up services under a load that rises and falls: the input of `m3agg standalone --demo`.
///
/// Pure: the caller gives the time and the randomness, and sends what comes back.
struct DemoTraffic<Randomness: RandomNumberGenerator> {
    /// One series with its new samples, in the order of their times.
    struct Series {
        enum Kind { case counter, gauge, timer }
        var kind: Kind
        var labels: [(name: String, value: String)]
        var samples: [(timeMs: Int64, value: Double)]
    }

    private struct Service {
        var name: String
        var requestsPerSecond: Double
        /// The median latency in seconds.
        var latency: Double
        /// Seconds from one peak of the load to the next.
        var period: Double
        var errorShare: Double
    }

    private struct Instance {
        var service: Service
        var name: String
        var successes = 0.0
        var failures = 0.0
    }

    private var instances: [Instance]
    private var randomness: Randomness
    private var lastMs: Int64?

    /// The most observations of latency that one instance sends in one step; more requests are counted, not timed.
    private let observationsPerStep = 50

    init(randomness: Randomness) {
        self.randomness = randomness
        let services = [
            Service(name: "api", requestsPerSecond: 120, latency: 0.020, period: 90, errorShare: 0.01),
            Service(name: "checkout", requestsPerSecond: 30, latency: 0.180, period: 60, errorShare: 0.04),
            Service(name: "search", requestsPerSecond: 60, latency: 0.060, period: 140, errorShare: 0.02),
        ]
        instances = services.flatMap { service in
            (1...3).map { Instance(service: service, name: "\(service.name)-\($0)") }
        }
    }

    /// What happened since the last call, or in the last second at the first.
    mutating func step(nowMs: Int64) -> [Series] {
        let fromMs = max(lastMs ?? nowMs - 1000, nowMs - 10_000)
        lastMs = nowMs
        let seconds = Double(max(nowMs - fromMs, 1)) / 1000
        var series: [Series] = []
        for index in instances.indices {
            let service = instances[index].service
            let phase = Double(nowMs % 86_400_000) / 1000 / service.period * 2 * .pi + Double(index) / 3
            let load = 1 + 0.6 * sin(phase)
            let requests = (service.requestsPerSecond / 3 * load * seconds * uniform(0.9, 1.1)).rounded()
            let failures = (requests * service.errorShare * uniform(0, 2)).rounded()
            instances[index].successes += requests - failures
            instances[index].failures += failures
            let labels = [(name: "instance", value: instances[index].name), (name: "service", value: service.name)]
            series.append(
                counter(labels, code: "200", total: instances[index].successes, nowMs: nowMs))
            series.append(counter(labels, code: "500", total: instances[index].failures, nowMs: nowMs))
            series.append(
                Series(
                    kind: .gauge, labels: [(name: "__name__", value: "demo_inflight_requests")] + labels,
                    samples: [(nowMs, (requests / seconds * service.latency * 3 * load).rounded(.up))]))
            series.append(
                Series(
                    kind: .timer, labels: [(name: "__name__", value: "demo_request_latency_seconds")] + labels,
                    samples: latencies(
                        count: min(Int(requests), observationsPerStep), median: service.latency * load,
                        fromMs: fromMs, nowMs: nowMs)))
        }
        return series.filter { !$0.samples.isEmpty }
    }

    private func counter(
        _ labels: [(name: String, value: String)], code: String, total: Double, nowMs: Int64
    ) -> Series {
        Series(
            kind: .counter,
            labels: [(name: "__name__", value: "demo_requests_total"), (name: "code", value: code)] + labels,
            samples: [(nowMs, total)])
    }

    /// Log-normal latencies: most near the median, a few several times as long.
    private mutating func latencies(
        count: Int, median: Double, fromMs: Int64, nowMs: Int64
    ) -> [(timeMs: Int64, value: Double)] {
        (0..<max(count, 0)).map { index in
            // The sum of twelve uniform numbers is close to a normal one (variance 1).
            let normal = (0..<12).reduce(0.0) { sum, _ in sum + uniform(0, 1) } - 6
            let timeMs = fromMs + (nowMs - fromMs) * Int64(index + 1) / Int64(count)
            return (timeMs, median * exp(0.5 * normal))
        }
    }

    private mutating func uniform(_ low: Double, _ high: Double) -> Double {
        Double.random(in: low...high, using: &randomness)
    }
}
