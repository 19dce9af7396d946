import Telemetry

extension Producer {
    /// The producer's counts as metrics, made at each scrape.
    func samples() -> [Registry.Sample] {
        var samples: [Registry.Sample] = []
        for service in stats.services {
            let labels = [("producer", name), ("topic", topic), ("service", service.name)]
            func add(
                _ what: String, _ help: String, _ kind: Registry.Sample.Kind, _ value: Double,
                _ more: [(String, String)] = []
            ) {
                samples.append(
                    Registry.Sample(
                        "m3agg_message_queue_producer_\(what)", help: help, kind: kind, labels: labels + more,
                        value: value))
            }
            add(
                "messages_produced_total", "References to messages that were admitted.", .counter,
                Double(service.produced))
            add("messages_acked_total", "References that ended acknowledged.", .counter, Double(service.acked))
            add("messages_unacked", "References that wait to be sent or acknowledged.", .gauge, Double(service.queued))
            add("messages_sent_total", "Messages written, with repetitions.", .counter, Double(service.sent))
            add("messages_retried_total", "Repetitions among the messages written.", .counter, Double(service.retried))
            add(
                "acks_stray_total", "Acknowledgements of messages that were not queued.", .counter,
                Double(service.strayAcks))
            add(
                "acks_unknown_shard_total", "Acknowledgements for shards that no queue has.", .counter,
                Double(service.unknownShardAcks))
            add("ack_frames_bad_total", "Undecodable acknowledgement frames.", .counter, Double(service.badAckFrames))
            add("connects_total", "Connections made.", .counter, Double(service.connects))
            add("disconnects_total", "Connections lost.", .counter, Double(service.disconnects))
            for (reason, count) in service.dropped.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                add(
                    "messages_dropped_total", "References that ended without an acknowledgement.", .counter,
                    Double(count), [("reason", reason.rawValue)])
            }
            for replica in service.replicas {
                let endpoint = [("endpoint", replica.endpoint)]
                add("buffered_bytes", "Bytes that wait in the buffer.", .gauge, Double(replica.bufferedBytes), endpoint)
                add(
                    "replica_lost_total", "References lost because the replica's buffer was full.", .counter,
                    Double(replica.lost), endpoint)
                add(
                    "replica_incomplete", "1 while the replica misses messages.", .gauge, replica.isIncomplete ? 1 : 0,
                    endpoint)
                add(
                    "connections", "Open connections to the replica.", .gauge, Double(replica.connectedConnections),
                    endpoint)
            }
        }
        return samples
    }
}
