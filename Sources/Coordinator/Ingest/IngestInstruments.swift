import Storage
import Telemetry
import WireFormat

/// What an ``AggregatedIngester`` counts: received = stored + dropped + left to be sent again.
final class IngestInstruments: Sendable {
    /// The id is no encoded tags, or they are no labels.
    static let invalidID = "invalid_id"

    private let received: Counter
    private let stored: Counter
    private let dropped: [String: Counter]
    private let retries: [String: Counter]
    let inFlight: Gauge
    private let lag: Histogram

    init(registry: Registry) {
        received = registry.counter(
            "m3agg_ingest_received_total", help: "Aggregated values received from aggregators, repeats included.")
        stored = registry.counter("m3agg_ingest_stored_total", help: "Aggregated values written to the store.")
        let reasons = WireError.reasons + [Self.invalidID] + WriteOutcome.Rejection.allCases.map(\.rawValue)
        dropped = Dictionary(
            reasons.map {
                (
                    $0,
                    registry.counter(
                        "m3agg_ingest_dropped_total",
                        help: "Aggregated values that were acknowledged, but could not be stored.",
                        labels: [("reason", $0)])
                )
            }, uniquingKeysWith: { first, _ in first })
        retries = Dictionary(
            ["busy", "closed", "database", "other"].map {
                (
                    $0,
                    registry.counter(
                        "m3agg_ingest_retried_total",
                        help: "Aggregated values that were not acknowledged, so that their producer sends them again.",
                        labels: [("reason", $0)])
                )
            }, uniquingKeysWith: { first, _ in first })
        inFlight = registry.gauge("m3agg_ingest_in_flight", help: "Aggregated values handed to the store.")
        lag = registry.histogram(
            "m3agg_ingest_lag_seconds", help: "From the end of the newest window of a batch to its arrival.")
    }

    func count(_ decoded: AggregatedIngester.Decoded, nowNanos: Int64) {
        received.add(decoded.messages)
        for (_, reason) in decoded.rejected { dropped[reason]?.add(1 as UInt64) }
        if let newest = decoded.newestNanos {
            let nanos = nowNanos.subtractingReportingOverflow(newest)
            if !nanos.overflow { lag.observe(max(0, Double(nanos.partialValue) / 1e9)) }
        }
    }

    func count(_ outcome: WriteOutcome) {
        stored.add(outcome.stored)
        for (reason, count) in outcome.rejected { dropped[reason.rawValue]?.add(count) }
    }

    func countRetry(_ count: Int, _ error: StorageError) { (retries[error.reason] ?? retries["other"])?.add(count) }
}
