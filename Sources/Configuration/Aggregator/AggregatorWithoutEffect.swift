/// Keys that are read, kept and shown, and that nothing in m3agg asks for: said once for each that a file gives.
enum AggregatorWithoutEffect {
    private static let keys: [(prefix: String, reason: String)] = [
        ("m3msg.server.retry", "the event loop goes on accepting by itself"),
        ("rawtcp.retry", "the event loop goes on accepting by itself"),
        ("kvClient.etcd.cacheDir", "a start waits for etcd; what is known stays in memory while it is away"),
        ("aggregator.verboseErrors", "errors always name the field and the value, and counters their reason"),
        ("aggregator.client.maxTimerBatchSize", "only forwarded values are sent, which are not split"),
        ("aggregator.client.connection.readTimeout", "instances send nothing back"),
        (
            "aggregator.client.connection.initReconnectThreshold",
            "connections are tried again after pauses, and values wait in the queue meanwhile"
        ),
        (
            "aggregator.client.connection.maxReconnectThreshold",
            "connections are tried again after pauses of at most maxReconnectDuration"
        ),
    ]

    static func report(_ reader: Reader) {
        for (key, reason) in keys {
            let given = reader.values.last { value in
                value.origin != .standard && (value.field == key || value.field.hasPrefix(key + "."))
            }
            guard let given else { continue }
            reader.report(
                Reader.diagnostic(
                    .ignored, given.origin, field: key, value: nil, "has no effect: \(reason)", ""))
        }
    }
}
