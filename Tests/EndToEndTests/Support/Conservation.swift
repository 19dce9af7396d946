import Foundation
import TestKit
import Testing

/// The numbers of `/metrics`, by name and labels.
struct ScrapedMetrics {
    private var lines: [(name: String, labels: String, value: Double)] = []

    init(text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                continue
            }
            let series = line[..<space]
            let brace = series.firstIndex(of: "{") ?? series.endIndex
            lines.append((String(series[..<brace]), String(series[brace...]), value))
        }
    }

    static func scrape(_ server: StandaloneServer) async throws -> ScrapedMetrics {
        ScrapedMetrics(text: try await HTTP.send("GET", server.url("/metrics")).text)
    }

    /// The sum over all series of a name whose labels contain each of the texts, such as `topic="a"`.
    func total(_ name: String, _ labels: String...) -> Double {
        lines.filter { line in line.name == name && labels.allSatisfy { line.labels.contains($0) } }
            .reduce(0) { $0 + $1.value }
    }

    /// The series of a name that are not 0, for messages of failures.
    func nonZero(_ name: String) -> [String] {
        lines.filter { $0.name == name && $0.value != 0 }.map { "\($0.name)\($0.labels) \($0.value)" }
    }
}

/// Nothing is lost silently: the counters of every stage add up to the unit (`docs/architecture.md`, conservation).
enum Conservation {
    /// Waits until nothing is on its way and then checks every equation.
    static func check(_ server: StandaloneServer, deadline: Duration = .seconds(60)) async throws {
        let metrics = try await poll("all queues to drain", deadline: deadline) { () -> ScrapedMetrics? in
            let metrics = try await ScrapedMetrics.scrape(server)
            let isQuiet =
                metrics.total("m3agg_message_queue_producer_messages_unacked") == 0
                && metrics.total("m3agg_aggregator_open_values") == 0
                && failures(metrics).isEmpty
            return isQuiet ? metrics : nil
        }
        expectHolds(metrics)
    }

    static func expectHolds(_ metrics: ScrapedMetrics) { #expect(failures(metrics).isEmpty) }

    private static func failures(_ metrics: ScrapedMetrics) -> [String] {
        var failures: [String] = []
        func equal(_ what: String, _ left: Double, _ right: Double) {
            if left != right { failures.append("\(what): \(left) is not \(right)") }
        }
        func sum(_ name: String, _ labels: String...) -> Double {
            labels.isEmpty ? metrics.total(name) : metrics.total(name, labels[0])
        }
        equal(
            "(1) frames and raw TCP messages = redelivered + decoded + bad",
            sum("m3agg_message_queue_consumer_frames_decoded_total", "server=\"ingest\"")
                + sum("m3agg_raw_tcp_messages_total"),
            sum("m3agg_aggregator_redelivered_total") + sum("m3agg_aggregator_decoded_total")
                + sum("m3agg_aggregator_bad_total"))
        equal(
            "(2) values = routed + unrouted + passed through", sum("m3agg_aggregator_received_values_total"),
            sum("m3agg_aggregator_routed_values_total") + sum("m3agg_aggregator_unrouted_values_total")
                + sum("m3agg_aggregator_passed_through_total"))
        equal(
            "(2) applications = applied + rejected + duplicates + replaced",
            sum("m3agg_aggregator_applications_total"),
            sum("m3agg_aggregator_applied_total") + sum("m3agg_aggregator_rejected_total")
                + sum("m3agg_aggregator_duplicates_total") + sum("m3agg_aggregator_replaced_total"))
        equal(
            "(3) applied = consumed + discarded + open", sum("m3agg_aggregator_applied_total"),
            sum("m3agg_aggregator_consumed_values_total") + sum("m3agg_aggregator_discarded_values_total")
                + sum("m3agg_aggregator_open_values"))
        // What the counters call open lies in windows: counted there, not derived.
        equal(
            "(3) open values are all in windows", sum("m3agg_aggregator_open_values_unaccounted"), 0)
        equal(
            "(4) window types = emitted + forwarded + forward dropped + suppressed",
            sum("m3agg_aggregator_window_types_total"),
            sum("m3agg_aggregator_emitted_total") + sum("m3agg_aggregator_forwarded_values_total")
                + sum("m3agg_aggregator_forward_dropped_total") + sum("m3agg_aggregator_suppressed_total"))
        equal(
            "(5) emitted and passed through = published + dropped before the queue",
            sum("m3agg_aggregator_emitted_total") + sum("m3agg_aggregator_reset_zeros_total")
                + sum("m3agg_aggregator_passed_through_total"),
            sum("m3agg_message_queue_producer_messages_produced_total", "topic=\"aggregated_metrics\"")
                + sum("m3agg_aggregator_unpublished_total", "destination=\"aggregated\""))
        for topic in ["aggregated_metrics", "aggregator_ingest"] {
            let label = "topic=\"\(topic)\""
            equal(
                "(5) produced = acked + unacked + dropped on \(topic)",
                sum("m3agg_message_queue_producer_messages_produced_total", label),
                sum("m3agg_message_queue_producer_messages_acked_total", label)
                    + sum("m3agg_message_queue_producer_messages_unacked", label)
                    + sum("m3agg_message_queue_producer_messages_dropped_total", label))
        }
        equal(
            "(6) aggregated values received = stored + dropped + to be sent again + in flight",
            sum("m3agg_ingest_received_total"),
            sum("m3agg_ingest_stored_total") + sum("m3agg_ingest_dropped_total") + sum("m3agg_ingest_retried_total")
                + sum("m3agg_ingest_in_flight"))
        equal(
            "(6) samples ingested = stored + rejected", sum("m3agg_storage_samples_ingested_total"),
            sum("m3agg_storage_samples_stored_total") + sum("m3agg_storage_samples_rejected_total"))
        return failures
    }
}
