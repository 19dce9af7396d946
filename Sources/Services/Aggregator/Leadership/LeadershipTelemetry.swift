import Logging
import Telemetry

/// What is counted and told of leadership.
struct LeadershipTelemetry: Sendable {
    let logger: Logger
    let isLeading: Gauge
    let promotions: Counter
    let received: Counter
    let written: Counter
    let failures: Counter
    let forced: Counter

    init(_ registry: Registry, logger: Logger) {
        self.logger = logger
        isLeading = registry.gauge("m3agg_aggregator_leading", help: "1 while this instance publishes.")
        promotions = registry.counter(
            "m3agg_aggregator_promotions_total", help: "Times that this instance began to lead.")
        received = registry.counter("m3agg_aggregator_flush_times_received_total", help: "Flush times read.")
        written = registry.counter("m3agg_aggregator_flush_times_written_total", help: "Flush times written.")
        failures = registry.counter(
            "m3agg_aggregator_flush_times_failures_total",
            help: "Flush times that were not written: no etcd, or another leader.")
        forced = registry.counter(
            "m3agg_aggregator_forced_discards_total",
            help: "Discards by this instance's own clock, because no leader was heard of.")
    }
}
