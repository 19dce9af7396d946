import Aggregator
import Telemetry

/// The workers' numbers of one moment, added up.
public struct AggregatorTotals: Sendable {
    public var liveSeries = 0
    public var openValues: UInt64 = 0
    public var emitted: UInt64 = 0
    public var discarded: UInt64 = 0
    public var partialWindows: UInt64 = 0

    init(_ snapshots: [AggregatorWorker.Snapshot]) {
        for one in snapshots {
            liveSeries += one.liveSeries
            openValues += one.openValues
            emitted += one.counters.emitted
            discarded += one.counters.discarded.total
            partialWindows += one.counters.partialWindowsConsumed
        }
    }
}

/// The workers' counters as metrics, made at each scrape. The equations that hold between them stand in
/// `docs/aggregator.md`, conservation.
enum AggregatorTelemetry {
    static func register(_ workers: [AggregatorWorker], in registry: Registry) {
        registry.onScrape { workers.enumerated().flatMap { samples($1.snapshot, worker: "\($0)") } }
    }

    private static func samples(_ snapshot: AggregatorWorker.Snapshot, worker: String) -> [Registry.Sample] {
        var samples: [Registry.Sample] = []
        let counters = snapshot.counters
        func counter(_ name: String, _ help: String, _ value: UInt64, _ labels: [(String, String)] = []) {
            samples.append(
                Registry.Sample(
                    "m3agg_aggregator_\(name)_total", help: help, kind: .counter,
                    labels: [("worker", worker)] + labels, value: Double(value)))
        }
        func gauge(_ name: String, _ help: String, _ value: Double) {
            samples.append(
                Registry.Sample(
                    "m3agg_aggregator_\(name)", help: help, kind: .gauge, labels: [("worker", worker)], value: value))
        }
        func reasons<Reason: RawRepresentable<String>>(
            _ name: String, _ help: String, _ counts: [Reason: UInt64]
        ) {
            for (reason, count) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                counter(name, help, count, [("reason", reason.rawValue)])
            }
        }
        counter(
            "redelivered", "Messages that had been applied before and were only acknowledged.", snapshot.redelivered)
        counter(
            "redelivery_overflows", "Message ids that were forgotten at the limit of the redelivery filter.",
            snapshot.redeliveryOverflows)
        counter("decoded", "Payloads that were metrics.", counters.decoded)
        for (reason, count) in counters.bad.sorted(by: { $0.key < $1.key }) {
            counter("bad", "Payloads that were no metric.", count, [("reason", reason)])
        }
        counter("misrouted", "Payloads whose shard hint was wrong, passed on to their worker.", counters.misrouted)
        counter("received_values", "Numbers in the decoded metrics.", counters.received)
        counter("routed_values", "Numbers with at least one element to go to.", counters.routed)
        reasons("unrouted_values", "Numbers without an element to go to.", counters.unrouted.nonZero)
        counter("applications", "Routed numbers, once for each element.", counters.applications)
        counter("applied", "Numbers added to a window.", counters.applied)
        reasons("rejected", "Numbers that an element refused.", counters.rejected.nonZero)
        counter("duplicates", "Forwarded numbers that had come before.", counters.duplicates)
        counter("consumed_values", "Numbers in windows that were published.", counters.consumed)
        reasons("discarded_values", "Numbers in windows that were never published.", counters.discarded.nonZero)
        counter("windows_consumed", "Windows that were published.", counters.windowsConsumed)
        counter(
            "partial_windows", "Published windows that began before this process.", counters.partialWindowsConsumed)
        counter("window_types", "Aggregations of published windows.", counters.windowTypes)
        counter("emitted", "Aggregated metrics made.", counters.emitted)
        counter("reset_zeros", "Zeros that Reset adds behind a value.", counters.resetZeros)
        counter("forwarded_values", "Numbers forwarded to rollups.", counters.forwarded)
        counter("forwarded_messages", "Messages with forwarded numbers.", counters.forwardedMessages)
        reasons("forward_dropped", "Numbers that could not be forwarded.", counters.forwardDropped.nonZero)
        reasons("suppressed", "Aggregations of published windows that have no value.", counters.suppressed.nonZero)
        counter("series_created", "Series seen for the first time.", counters.seriesCreated)
        counter("series_expired", "Series forgotten after their time to live.", counters.seriesExpired)
        counter("flushes", "Flushes of a list of windows.", counters.flushes)
        counter("replaced", "Numbers that took the place of others.", counters.replaced)
        counter("passed_through", "Metrics published as they came.", counters.passedThrough)
        counter(
            "annotations_dropped", "Annotations left out at the limit of their number.", counters.annotationsDropped)
        gauge("open_values", "Numbers in windows that are open.", Double(snapshot.openValues))
        gauge(
            "open_values_unaccounted",
            "Open numbers by the counters less those that a walk over the windows finds: 0 unless some were lost.",
            Double(snapshot.unaccountedValues))
        gauge("live_series", "Series in memory.", Double(snapshot.liveSeries))
        gauge("live_elements", "Elements: a series under one policy and pipeline.", Double(snapshot.elements))
        gauge("memory_bytes", "Bytes of the series table, windows and ids.", Double(snapshot.bytes))
        return samples
    }
}
