import Logging
import Telemetry

/// What is told of flushes: how long they take, and which windows lack what came before the start.
final class FlushTelemetry: Sendable {
    private let seconds: Histogram
    private let logger: Logger

    init(_ registry: Registry, logger: Logger = Logger(label: "m3agg.aggregator")) {
        self.logger = logger
        seconds = registry.histogram(
            "m3agg_aggregator_flush_seconds", help: "Time that a worker spent on the flushes that were due at once.")
    }

    func observe(_ duration: Duration) { seconds.observe(Double(duration.nanoseconds) / 1e9) }

    /// - Parameter count: windows of this flush that began before the process did.
    func notePartialWindows(_ count: UInt64) {
        guard count > 0 else { return }
        logger.notice(
            "published windows that began before the start: their values are partial", metadata: ["windows": "\(count)"]
        )
    }
}
