import Telemetry

/// Counts of one client, whatever the registry shows.
final class InstanceClientCounters: Sendable {
    let produced = Counter()
    let sent = Counter()
    let connects = Counter()
    let connectFailures = Counter()
    let open = Gauge()
    private let dropped: [InstanceDropReason: Counter] = Dictionary(
        uniqueKeysWithValues: InstanceDropReason.allCases.map { ($0, Counter()) })

    func drop(_ loss: InstanceQueue.Dropped?) {
        if let loss { dropped[loss.reason]?.add(loss.messages) }
    }

    /// Without the queues.
    var stats: InstanceClientStats {
        var stats = InstanceClientStats()
        stats.sent = sent.value
        stats.dropped = dropped.mapValues(\.value).filter { $0.value > 0 }
        stats.produced = produced.value
        stats.connects = connects.value
        stats.connectFailures = connectFailures.value
        stats.openConnections = Int(open.value)
        return stats
    }
}

extension InstanceClientStats {
    /// The counts as metrics, made at each scrape.
    var samples: [Registry.Sample] {
        var samples: [Registry.Sample] = []
        func add(
            _ what: String, _ help: String, _ kind: Registry.Sample.Kind, _ value: Double,
            _ labels: [(String, String)] = []
        ) {
            samples.append(
                Registry.Sample(
                    "m3agg_instance_client_\(what)", help: help, kind: kind, labels: labels, value: value))
        }
        add("messages_produced_total", "References to messages for instances.", .counter, Double(produced))
        add("messages_sent_total", "References that the system took for sending.", .counter, Double(sent))
        add("messages_queued", "References that wait to be written.", .gauge, Double(queued))
        add("queued_bytes", "Bytes of the frames that wait to be written.", .gauge, Double(queuedBytes))
        add("connects_total", "Connections made.", .counter, Double(connects))
        add("connect_failures_total", "Connections that could not be made.", .counter, Double(connectFailures))
        add("connections", "Open connections.", .gauge, Double(openConnections))
        for (reason, count) in dropped.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            add(
                "messages_dropped_total", "References that were not sent.", .counter, Double(count),
                [("reason", reason.rawValue)])
        }
        return samples
    }
}
