/// The section `node`: a working node in a few lines, turned into the keys of M3 that it stands for. Keys of M3 in the
/// same files go before it.
///
/// Source: `docs/configuration.md`, Short form.
struct ShortForm {
    private let section: Section
    private var result: ConfigNode

    /// The keys that a section `node` stands for; nil when there is none.
    static func expand(_ root: ConfigNode, _ reader: Reader) -> ConfigNode? {
        guard let node = root["node"] else { return nil }
        guard case .mapping = node.content else {
            reader.report(
                Reader.diagnostic(
                    .error, node.origin, field: "node", value: nil, "a mapping is expected, not \(node.kind)",
                    "write 'name: value' lines below it"))
            return nil
        }
        var form = ShortForm(section: Section(reader: reader, path: [.key("node")], node: node), result: standard)
        form.expand()
        form.section.reportUnknownKeys()
        return form.result
    }

    private static let standard: ConfigNode = {
        var parser = ConfigParser(file: "", bytes: Array(standardText.utf8), environment: [:])
        return parser.parse()?.asStandard() ?? ConfigNode(.mapping([]), origin: .standard)
    }()

    /// Where single values go.
    static let places: [(short: [String], long: [String])] = [
        (["listen", "m3msg"], ["m3msg.server.listenAddress"]),
        (["listen", "rawtcp"], ["rawtcp.listenAddress"]),
        (["listen", "http"], ["http.listenAddress"]),
        (["listen", "metrics"], ["metrics.prometheus.listenAddress"]),
        (
            ["placement", "namespace"],
            [
                "aggregator.placementManager.kvConfig.namespace",
                "aggregator.client.m3msg.producer.writer.placementServiceOverride.namespaces.placement",
            ]
        ),
        (["placement", "key"], ["aggregator.placementManager.placementWatcher.key"]),
        (["topics", "ingest"], ["aggregator.client.m3msg.producer.writer.topicName"]),
        (["topics", "aggregated"], ["aggregator.flush.handlers.0.dynamicBackend.producer.writer.topicName"]),
        (["buffers", "past"], ["aggregator.bufferDurationForPastTimedMetric"]),
        (["buffers", "future"], ["aggregator.bufferDurationForFutureTimedMetric"]),
        (["buffers", "forwarding"], ["aggregator.forwarding.maxConstDelay"]),
        (
            ["queueBytes"],
            [
                "aggregator.client.m3msg.producer.buffer.maxBufferSize",
                "aggregator.flush.handlers.0.dynamicBackend.producer.buffer.maxBufferSize",
            ]
        ),
        (["policies"], ["aggregator.defaultStoragePolicies"]),
        (["quantiles"], ["m3agg.quantiles"]),
        (["onSessionLoss"], ["m3agg.onSessionLoss"]),
        (["entryTTL"], ["aggregator.entryTTL"]),
        (["log"], ["logging.level"]),
    ]

    private mutating func expand() {
        for place in Self.places {
            copy(place.short, to: place.long)
        }
        cluster()
        instance()
        tls()
    }

    /// Copies what stands at a path of the section to paths of M3.
    private mutating func copy(_ short: [String], to long: [String]) {
        guard let node = find(short) else { return }
        for path in long { set(path, node) }
    }

    private mutating func set(_ path: String, _ node: ConfigNode) {
        result.set(path.split(separator: ".").map(String.init)[...], node)
    }

    private func find(_ path: [String]) -> ConfigNode? {
        let name = "node." + path.joined(separator: ".")
        guard let key = path.first else { return nil }
        if path.count == 1 { return section.child(key)?.written(at: name) }
        return inner(key).child(path[1])?.written(at: name)
    }

    /// One section object per key, so that each knows all keys that were asked for.
    private func inner(_ key: String) -> Section { section.kept(key) }

    private mutating func cluster() {
        copy(
            ["service"],
            to: [
                "kvClient.etcd.service", "aggregator.electionManager.serviceID.name",
            ])
        if find(["placement", "key"]) == nil {
            copy(["service"], to: ["aggregator.placementManager.placementWatcher.key"])
        }
        let embedded = find(["embedded"])
        let etcd = section.child("etcd")
        if let embedded {
            if etcd != nil { section.fail("embedded", "and etcd are both given", "remove one of them") }
            set("m3agg.embeddedStore.directory", embedded)
            set("kvClient", ConfigNode(.null, origin: .standard))
            copy(["zone"], to: ["m3agg.embeddedStore.zone"])
            copy(["environment"], to: ["m3agg.embeddedStore.environment"])
        } else {
            if etcd == nil {
                section.fail(
                    "etcd", "is missing", "write etcd: [HOST:2379], or embedded: DIRECTORY for a node of its own")
            }
            copy(["zone"], to: ["kvClient.etcd.zone", "kvClient.etcd.etcdClusters.0.zone"])
            copy(["environment"], to: ["kvClient.etcd.env"])
            self.etcd(etcd)
        }
        copy(["zone"], to: ["aggregator.electionManager.serviceID.zone"])
        copy(["environment"], to: ["aggregator.electionManager.serviceID.environment"])
    }

    /// A list of endpoints, one endpoint, or a mapping with more.
    private mutating func etcd(_ node: ConfigNode?) {
        let endpoints = "kvClient.etcd.etcdClusters.0.endpoints"
        guard let node else { return }
        switch node.content {
        case .null: break
        case .sequence: set(endpoints, node.written(at: "node.etcd"))
        case .scalar:
            set(endpoints, ConfigNode(.sequence([node.written(at: "node.etcd")]), origin: node.origin))
        case .mapping:
            copy(["etcd", "endpoints"], to: [endpoints])
            if find(["etcd", "endpoints"]) == nil {
                inner("etcd").fail("endpoints", "is missing", "write [HOST:2379]")
            }
            let cluster = "kvClient.etcd.etcdClusters.0."
            copy(["etcd", "ca"], to: [cluster + "tls.caCrtPath"])
            copy(["etcd", "cert"], to: [cluster + "tls.crtPath"])
            copy(["etcd", "key"], to: [cluster + "tls.keyPath"])
            copy(["etcd", "cacheDir"], to: ["kvClient.etcd.cacheDir"])
            copy(["etcd", "username"], to: ["m3agg.etcd.username"])
            copy(["etcd", "password"], to: ["m3agg.etcd.password"])
        }
    }

    private mutating func instance() {
        guard let instance = find(["instance"]) else { return }
        set("aggregator.hostID.value", instance)
        set("aggregator.hostID.resolver", ConfigNode(.scalar("config"), origin: instance.origin))
    }

    /// TLS of all stream servers, enforced unless another mode is given.
    private mutating func tls() {
        guard let tls = section.child("tls") else { return }
        let hasRawTCP = find(["listen", "rawtcp"]) != nil
        for server in ["m3msg.server", "rawtcp"] where server != "rawtcp" || hasRawTCP {
            set(server + ".tls.mode", ConfigNode(.scalar("enforced"), origin: tls.origin))
            copy(["tls", "mode"], to: [server + ".tls.mode"])
            copy(["tls", "cert"], to: [server + ".tls.certFile"])
            copy(["tls", "key"], to: [server + ".tls.keyFile"])
            copy(["tls", "clientCA"], to: [server + ".tls.clientCAFile"])
            if find(["tls", "clientCA"]) != nil {
                set(server + ".tls.mTLSEnabled", ConfigNode(.scalar("true"), origin: tls.origin))
            }
        }
    }
}
