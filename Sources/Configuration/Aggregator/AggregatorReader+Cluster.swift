extension AggregatorReader {
    func keyValueClient() -> AggregatorConfiguration.KeyValueClient {
        let etcd = top.optional("kvClient") { client in
            if !client.has("etcd") {
                client.fail("etcd", "is missing", "write zone, env, service and etcdClusters below it")
            }
            return client.section("etcd", etcdClient)
        }
        switch (etcd, extensions.embeddedStore) {
        case (let etcd?, nil): return .etcd(etcd)
        case (nil, let embedded?): return embedded
        case (_?, let embedded?):
            top.fail("kvClient", "and m3agg.embeddedStore are both given", "remove one of them")
            return embedded
        case (nil, nil):
            top.fail(
                "kvClient", "is missing",
                "write kvClient.etcd with the endpoints of etcd, or m3agg.embeddedStore.directory for a node of its own"
            )
            return .embedded(directory: "", zone: "", environment: "")
        }
    }

    private func etcdClient(_ section: Section) -> AggregatorConfiguration.EtcdClient {
        section.ignore("newDirectoryMode", because: "folders are made with mode 0755")
        let zone = section.string("zone", default: "")
        let clusters = section.sections("etcdClusters") { cluster in etcdCluster(cluster) } ?? []
        if clusters.isEmpty {
            section.fail("etcdClusters", "names no cluster", "write '- zone: \(zone)' with its endpoints")
        } else if !clusters.contains(where: { $0.zone == zone }) {
            section.fail("etcdClusters", "has no cluster of the client's own zone '\(zone)'", "add it or change zone")
        }
        for (index, cluster) in clusters.enumerated()
        where clusters[..<index].contains(where: { $0.zone == cluster.zone }) {
            section.fail("etcdClusters", "has two clusters of the zone '\(cluster.zone)'", "keep one of them")
        }
        return AggregatorConfiguration.EtcdClient(
            zone: zone, environment: section.string("env", default: ""),
            service: section.required("service", example: "m3aggregator"),
            cacheDirectory: section.string("cacheDir", default: ""), clusters: clusters,
            serviceInitTimeoutNanos: section.section("m3sd") {
                $0.duration("initTimeout", default: 5 * Self.second, zeroIsDefault: true)
            },
            watchWithRevision: Int64(section.int("watchWithRevision", default: 0, in: 0...Int.max)),
            retry: section.retry("retry"),
            requestTimeoutNanos: section.duration("requestTimeout", default: 10 * Self.second, zeroIsDefault: true),
            watchInitTimeoutNanos: section.duration(
                "watchChanInitTimeout", default: 10 * Self.second, zeroIsDefault: true),
            watchCheckIntervalNanos: section.duration(
                "watchChanCheckInterval", default: 10 * Self.second, zeroIsDefault: true),
            watchResetIntervalNanos: section.duration(
                "watchChanResetInterval", default: 10 * Self.second, zeroIsDefault: true),
            fastGets: section.bool("enableFastGets", default: false))
    }

    private func etcdCluster(_ section: Section) -> EtcdCluster {
        let endpoints = section.list("endpoints", default: [], write: \.self) { text, refuse in
            guard Self.isEndpoint(text) else {
                refuse("is no endpoint", "write HOST:PORT, http://HOST:PORT or https://HOST:PORT")
                return nil
            }
            return text
        }
        if !section.has("endpoints") { section.fail("endpoints", "is missing", "write '- HOST:2379'") }
        let tls = section.optional("tls") { tls in
            EtcdCluster.TLS(
                caFile: tls.string("caCrtPath", default: ""), certFile: tls.string("crtPath", default: ""),
                keyFile: tls.string("keyPath", default: ""))
        }
        if let tls, tls.certFile.isEmpty != tls.keyFile.isEmpty {
            section.fail("tls", "has only one of crtPath and keyPath", "name both files or none")
        }
        let keepAlive = section.section("keepAlive") { block in
            let isAbsent = !block.isPresent
            return EtcdCluster.KeepAlive(
                isEnabled: block.bool("enabled", default: isAbsent),
                periodNanos: block.duration("period", default: isAbsent ? 20 * Self.second : 0),
                jitterNanos: block.duration("jitter", default: isAbsent ? 10 * Self.second : 0),
                timeoutNanos: block.duration("timeout", default: isAbsent ? 10 * Self.second : 0))
        }
        return EtcdCluster(
            zone: section.string("zone", default: ""), endpoints: endpoints, keepAlive: keepAlive, tls: tls,
            autoSyncIntervalNanos: section.duration(
                "autoSyncInterval", default: 60 * Self.second, zeroIsDefault: true,
                in: -Section.century...Section.century),
            dialTimeoutNanos: section.duration("dialTimeout", default: 15 * Self.second, zeroIsDefault: true),
            credentials: extensions.etcdCredentials)
    }

    static func isEndpoint(_ text: String) -> Bool {
        var rest = Substring(text)
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        guard let address = ListenAddress(String(rest)) else { return false }
        return address.port > 0 && !rest.hasPrefix(":")
    }

    func runtimeLimits() -> AggregatorConfiguration.RuntimeLimits {
        top.section("runtimeOptions") { section in
            let isBuiltIn = !section.isPresent
            let values = "write-values-per-metric-limit-per-second"
            let series = "write-new-metric-limit-cluster-per-second"
            return AggregatorConfiguration.RuntimeLimits(
                scope: section.scope("kvConfig"),
                valuesPerMetricKey: section.required(
                    "writeValuesPerMetricLimitPerSecondKey", default: isBuiltIn ? values : nil, example: values),
                valuesPerMetricPerSecond: Int64(
                    section.int("writeValuesPerMetricLimitPerSecond", default: 0, in: 0...Int.max)),
                newMetricsKey: section.required(
                    "writeNewMetricLimitClusterPerSecondKey", default: isBuiltIn ? series : nil, example: series),
                newMetricsPerSecond: Int64(
                    section.int("writeNewMetricLimitClusterPerSecond", default: 0, in: 0...Int.max)),
                newMetricsWarmupNanos: section.duration("writeNewMetricNoLimitWarmupDuration", default: 0))
        }
    }

    func placement(_ section: Section) -> AggregatorConfiguration.PlacementWatch {
        section.section("placementManager") { block in
            placementWatch(block, scope: "kvConfig", namespace: pick(builtIn: "/placement", library: ""))
        }
    }

    func placementWatch(_ section: Section, scope: String, namespace: String) -> AggregatorConfiguration.PlacementWatch
    {
        let scope = section.scope(scope, namespace: namespace)
        return section.section("placementWatcher") { watcher in
            AggregatorConfiguration.PlacementWatch(
                scope: scope,
                key: watcher.required(
                    "key", default: pick(builtIn: "m3aggregator", library: nil), example: "m3aggregator"),
                initTimeoutNanos: watcher.duration("initWatchTimeout", default: 10 * Self.second, zeroIsDefault: true))
        }
    }

    func flushTimes(_ section: Section) -> AggregatorConfiguration.FlushTimes {
        section.section("flushTimesManager") { block in
            AggregatorConfiguration.FlushTimes(
                scope: block.scope("kvConfig"),
                keyFormat: block.keyFormat(
                    "flushTimesKeyFmt", default: pick(builtIn: "shardset/%d/flush", library: nil),
                    example: "shardset/%d/flush"),
                persistRetry: block.retry(
                    "flushTimesPersistRetrier",
                    default: pick(
                        builtIn: RetryPolicy(
                            initialBackoffNanos: 100 * Self.millisecond, maxBackoffNanos: 2 * Self.second,
                            maxRetries: 3),
                        library: RetryPolicy())))
        }
    }

    func election(_ section: Section) -> AggregatorConfiguration.Election {
        section.section("electionManager") { block in
            let (leader, resign, ttl) = block.section("election") { election in
                (
                    election.duration("leaderTimeout", default: 10 * Self.second, zeroIsDefault: true),
                    election.duration("resignTimeout", default: 10 * Self.second, zeroIsDefault: true),
                    election.int(
                        "ttlSeconds", default: pick(builtIn: 10, library: 60), zeroIsDefault: true, in: 0...86_400)
                )
            }
            let retry = { (key: String, maxSeconds: Int64) in
                block.retry(
                    key,
                    default: pick(
                        builtIn: RetryPolicy(
                            initialBackoffNanos: 100 * Self.millisecond, maxBackoffNanos: maxSeconds * Self.second,
                            isForever: true),
                        library: RetryPolicy(isForever: true)),
                    isForever: true)
            }
            return AggregatorConfiguration.Election(
                leaderTimeoutNanos: leader, resignTimeoutNanos: resign, ttlSeconds: ttl,
                service: block.serviceName(
                    "serviceID",
                    default: pick(
                        builtIn: ServiceName(name: "m3aggregator", environment: "default_env", zone: "embedded"),
                        library: ServiceName(name: "", environment: "", zone: ""))),
                leaderValue: block.string("leaderValue", default: ""),
                keyFormat: block.keyFormat(
                    "electionKeyFmt", default: pick(builtIn: "shardset/%d/lock", library: nil),
                    example: "shardset/%d/lock"),
                campaignRetry: retry("campaignRetrier", 2), changeRetry: retry("changeRetrier", 5),
                resignRetry: retry("resignRetrier", 5),
                campaignCheckIntervalNanos: block.duration(
                    "campaignStateCheckInterval", default: Self.second, zeroIsDefault: true),
                shardCutoffCheckOffsetNanos: block.duration(
                    "shardCutoffCheckOffset", default: 30 * Self.second, zeroIsDefault: true))
        }
    }
}
