extension ShortForm {
    /// What holds where the section `node` says nothing: the delays suit Prometheus' remote write, ids are what M3's
    /// coordinator expects, and jitter stays below a second.
    static let standardText = """
        logging: {level: info}
        metrics:
          prometheus: {handlerPath: /metrics}
        m3msg:
          server: {listenAddress: "0.0.0.0:6000"}
          consumer: {ackFlushInterval: 50ms}
        http: {listenAddress: "0.0.0.0:6001", readTimeout: 60s, writeTimeout: 60s}
        kvClient:
          etcd:
            zone: embedded
            env: default_env
            service: m3aggregator
            etcdClusters:
              - zone: embedded
        runtimeOptions:
          writeValuesPerMetricLimitPerSecondKey: write-values-per-metric-limit-per-second
          writeNewMetricLimitClusterPerSecondKey: write-new-metric-limit-cluster-per-second
        aggregator:
          hostID: {resolver: hostname}
          instanceID: {type: host_id}
          metricPrefix: ""
          counterPrefix: ""
          timerPrefix: ""
          gaugePrefix: ""
          aggregationTypes:
            counterTransformFnType: empty
            timerTransformFnType: empty
            gaugeTransformFnType: empty
          client:
            type: m3msg
            m3msg:
              producer:
                writer:
                  topicName: aggregator_ingest
                  placement: {isStaged: true}
                  placementServiceOverride: {namespaces: {placement: /placement}}
                  connection: {flushInterval: 50ms}
          placementManager:
            kvConfig: {namespace: /placement}
            placementWatcher: {key: m3aggregator}
          bufferDurationForPastTimedMetric: 15s
          bufferDurationForFutureTimedMetric: 1m
          timedMetricsFlushOffsetEnabled: true
          resignTimeout: 1m
          flushTimesManager:
            flushTimesKeyFmt: shardset/%d/flush
            flushTimesPersistRetrier: {initialBackoff: 100ms, maxBackoff: 2s, maxRetries: 3}
          electionManager:
            election: {ttlSeconds: 10}
            serviceID: {name: m3aggregator, environment: default_env, zone: embedded}
            electionKeyFmt: shardset/%d/lock
            campaignRetrier: {initialBackoff: 100ms, maxBackoff: 2s}
            changeRetrier: {initialBackoff: 100ms, maxBackoff: 5s}
            resignRetrier: {initialBackoff: 100ms, maxBackoff: 5s}
          flushManager:
            checkEvery: 200ms
            jitterEnabled: true
            maxJitters:
              - {flushInterval: 1h, maxJitterPercent: 0.5}
          flush:
            handlers:
              - dynamicBackend:
                  name: m3msg
                  hashType: murmur32
                  producer:
                    writer:
                      topicName: aggregated_metrics
                      connection: {flushInterval: 50ms}
          passthrough: {enabled: true}
          forwarding: {maxConstDelay: 20s}
          entryTTL: 1h
          entryCheckInterval: 10m
        m3agg:
          quantiles: ddsketch
          maxJitter: 1s
        """
}
