import Synchronization

/// All instruments of a process by name and labels, and their text form for Prometheus.
///
/// Asking twice for the same name and labels gives the same instrument. A name keeps the kind and the help text it
/// was first registered with.
public final class Registry: Sendable {
    /// One line that a scrape callback contributes, for numbers that live elsewhere (a worker's plain counters).
    public struct Sample: Sendable {
        public enum Kind: String, Sendable { case counter, gauge }
        public var name: String
        public var help: String
        public var kind: Kind
        public var labels: [(String, String)]
        public var value: Double

        public init(_ name: String, help: String, kind: Kind, labels: [(String, String)] = [], value: Double) {
            self.name = name
            self.help = help
            self.kind = kind
            self.labels = labels
            self.value = value
        }
    }

    private enum Instrument {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)

        var kind: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct Family {
        var help: String
        var kind: String
        var instruments: [(labels: [(String, String)], instrument: Instrument)]
    }

    private struct State {
        var families: [String: Family] = [:]
        var callbacks: [@Sendable () -> [Sample]] = []
    }
    private let state = Mutex(State())

    public init() {}

    public func counter(_ name: String, help: String, labels: [(String, String)] = []) -> Counter {
        let made = instrument(name, help, labels) { .counter(Counter()) }
        if case .counter(let counter) = made { return counter }
        return Counter()
    }

    public func gauge(_ name: String, help: String, labels: [(String, String)] = []) -> Gauge {
        let made = instrument(name, help, labels) { .gauge(Gauge()) }
        if case .gauge(let gauge) = made { return gauge }
        return Gauge()
    }

    public func histogram(
        _ name: String, help: String, bounds: [Double] = Histogram.secondsBounds, labels: [(String, String)] = []
    ) -> Histogram {
        let made = instrument(name, help, labels) { .histogram(Histogram(bounds: bounds)) }
        if case .histogram(let histogram) = made { return histogram }
        return Histogram(bounds: bounds)
    }

    /// Adds samples that are computed at each scrape. The callback runs on the scraping thread.
    public func onScrape(_ callback: @escaping @Sendable () -> [Sample]) {
        state.withLock { $0.callbacks.append(callback) }
    }

    /// The value of a counter or gauge, or of a scrape callback's sample; the sum when labels are left out.
    public func value(_ name: String, labels: [(String, String)]? = nil) -> Double {
        samples().filter { sample in
            sample.name == name && (labels.map { isSame($0, sample.labels) } ?? true)
        }.reduce(0) { $0 + $1.value }
    }

    /// Counters, gauges and scrape callbacks, without histograms.
    public func samples() -> [Sample] {
        let (families, callbacks) = state.withLock { ($0.families, $0.callbacks) }
        var samples: [Sample] = []
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            for (labels, instrument) in family.instruments {
                switch instrument {
                case .counter(let counter):
                    samples.append(
                        Sample(name, help: family.help, kind: .counter, labels: labels, value: Double(counter.value)))
                case .gauge(let gauge):
                    samples.append(
                        Sample(name, help: family.help, kind: .gauge, labels: labels, value: Double(gauge.value)))
                case .histogram: break
                }
            }
        }
        for callback in callbacks { samples += callback() }
        return samples
    }

    private func instrument(
        _ name: String, _ help: String, _ labels: [(String, String)], make: () -> Instrument
    ) -> Instrument {
        state.withLock { state in
            if let family = state.families[name],
                let found = family.instruments.first(where: { isSame($0.labels, labels) })
            {
                return found.instrument
            }
            let made = make()
            state.families[name, default: Family(help: help, kind: made.kind, instruments: [])]
                .instruments.append((labels, made))
            return made
        }
    }

    func histograms() -> [(name: String, help: String, labels: [(String, String)], snapshot: Histogram.Snapshot)] {
        let families = state.withLock { $0.families }
        return families.sorted { $0.key < $1.key }.flatMap { name, family in
            family.instruments.compactMap { labels, instrument in
                guard case .histogram(let histogram) = instrument else { return nil }
                return (name, family.help, labels, histogram.snapshot)
            }
        }
    }
}

private func isSame(_ a: [(String, String)], _ b: [(String, String)]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == $1 }
}
