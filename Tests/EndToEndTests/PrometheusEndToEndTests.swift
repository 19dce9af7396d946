import Foundation
import TestKit
import Testing

/// Real Prometheus scrapes real targets, remote-writes to m3agg and reads the aggregated series back.
@Suite(.serialized) struct PrometheusEndToEndTests {
    static let rules = """
        mappingRules:
          - name: free memory, highest per window
            filter: "__name__:node_memory_MemFree_bytes"
            aggregations: [Max]
            storagePolicies: [{resolution: 10s, retention: 48h}]
          - name: load, three ways
            filter: "__name__:node_load1"
            aggregations: [Max, Min, Sum]
            storagePolicies: [{resolution: 10s, retention: 48h}]
        rollupRules:
          - name: goroutines over all targets of a kind
            filter: "__name__:go_goroutines kind:*"
            transforms:
              - aggregate: {type: Last}
              - rollup: {metricName: goroutines_by_kind, groupBy: [kind], aggregations: [Sum]}
            storagePolicies: [{resolution: 10s, retention: 48h}]
          - name: the largest process of a kind
            filter: "__name__:process_resident_memory_bytes kind:*"
            transforms:
              - aggregate: {type: Last}
              - rollup: {metricName: largest_process_by_kind, groupBy: [kind], aggregations: [Max]}
            storagePolicies: [{resolution: 10s, retention: 48h}]
          - name: CPU seconds by mode
            filter: "__name__:node_cpu_seconds_total mode:*"
            transforms:
              - transform: {type: Increase}
              - rollup: {metricName: node_cpu_seconds_by_mode, groupBy: [mode], aggregations: [Sum]}
              - transform: {type: Add}
            storagePolicies: [{resolution: 10s, retention: 48h}]
        """

    @Test(.timeLimit(.minutes(5))) func aggregatesWhatPrometheusScrapes() async throws {
        let directory = try TemporaryDirectory("prometheus")
        let server = try await StandaloneServer.start(
            in: directory, rules: Self.rules, arguments: ["--lateness", "3s", "--forwarding-delay", "8s"])
        let nodePort = try freePort()
        let prometheusPort = try freePort()
        let node = try ServerProcess(
            name: "node-exporter", executable: "prometheus-node-exporter",
            arguments: ["--web.listen-address=127.0.0.1:\(nodePort)"], directory: directory.url)
        let configuration = try directory.write(
            """
            global: {scrape_interval: 1s}
            scrape_configs:
              - job_name: prometheus
                static_configs: [{targets: ["127.0.0.1:\(prometheusPort)"], labels: {kind: monitoring}}]
              - job_name: node
                static_configs: [{targets: ["127.0.0.1:\(nodePort)"], labels: {kind: monitoring}}]
            remote_write:
              - url: \(server.url("/api/v1/prom/remote/write"))
                queue_config: {batch_send_deadline: 200ms}
            remote_read:
              - url: \(server.url("/api/v1/prom/remote/read"))
                read_recent: true
            """, to: "prometheus.yml")
        let prometheus = try ServerProcess(
            name: "prometheus", executable: "prometheus",
            arguments: [
                "--config.file=\(configuration)", "--storage.tsdb.path=\(directory.path("tsdb"))",
                "--web.listen-address=127.0.0.1:\(prometheusPort)",
            ], directory: directory.url)
        let result = await Result(catching: {
            try await compare(server, prometheus: "http://127.0.0.1:\(prometheusPort)")
            await prometheus.stop()
            try await Conservation.check(server)
        })
        await prometheus.stop()
        await node.stop()
        await server.process.stop()
        if case .failure = result { print(server.process.log.suffix(6000), prometheus.log.suffix(2000)) }
        try result.get()
    }

    private func compare(_ server: StandaloneServer, prometheus: String) async throws {
        let base = server.url("")
        let aggregated = ["M3-Storage-Policy": "10s:48h"]
        let raw = ["M3-Metrics-Type": "unaggregated"]
        let first: Int64 = try await poll("the first window of a rollup", deadline: .seconds(90)) {
            let answer = try await PrometheusAnswers.query(base, "goroutines_by_kind[5m]", headers: aggregated)
            return answer.values.first?.first?.timeMs
        }
        let end = first + 50_000
        _ = try await poll("five more windows", deadline: .seconds(120)) {
            let answer = try await PrometheusAnswers.query(base, "node_cpu_seconds_by_mode[5m]", headers: aggregated)
            return answer.values.contains { $0.contains { $0.timeMs >= end } } ? true : nil
        }
        let oracle = Oracle(resolutionMs: 10_000)
        func samples(_ expression: String) async throws -> [LabelSet: [Point]] {
            try await PrometheusAnswers.query(base, expression + "[10m]", headers: raw)
        }
        func published(_ expression: String) async throws -> [LabelSet: [Point]] {
            try await PrometheusAnswers.query(base, expression + "[10m]", headers: aggregated)
        }

        let free = try await samples("node_memory_MemFree_bytes")
        #expect(free.count == 1)
        try expectEqual(
            try await published("node_memory_MemFree_bytes"), free.mapValues { oracle.downsample($0, .max) }, until: end
        )

        let load = try await samples("node_load1")
        for (suffix, reduction) in [("max", Oracle.Reduction.max), ("min", .min), ("sum", .sum)] {
            try expectEqual(
                try await published("node_load1_\(suffix)"),
                renamed(load.mapValues { oracle.downsample($0, reduction) }, "node_load1_\(suffix)"), until: end)
        }

        for (source, name, reduction) in [
            ("go_goroutines", "goroutines_by_kind", Oracle.Reduction.sum),
            ("process_resident_memory_bytes", "largest_process_by_kind", .max),
        ] {
            let groups = Oracle.group(try await samples(source), by: ["kind"])
            #expect(groups.values.allSatisfy { $0.count == 2 })
            let expected = groups.mapValues { members in
                oracle.combine(members.map { oracle.downsample($0, .last) }, reduction)
            }
            try expectEqual(try await published(name), rolledUp(expected, name), until: end)
        }

        let modes = Oracle.group(try await samples("node_cpu_seconds_total"), by: ["mode"])
        #expect(modes.count >= 5)
        let cpu = modes.mapValues { members in
            oracle.accumulate(oracle.combine(members.map { oracle.increase($0) }, .sum))
        }
        try expectEqual(
            try await published("node_cpu_seconds_by_mode"), rolledUp(cpu, "node_cpu_seconds_by_mode"), until: end)

        let direct = try await published("goroutines_by_kind")
        let throughPrometheus = try await PrometheusAnswers.query(prometheus, "goroutines_by_kind[10m]")
        #expect(throughPrometheus.count == direct.count)
        for (labels, points) in direct {
            let read = Set((throughPrometheus[labels] ?? []).map(\.timeMs))
            #expect(points.filter { $0.timeMs <= end }.allSatisfy { read.contains($0.timeMs) })
            for point in throughPrometheus[labels] ?? [] where point.timeMs <= end {
                #expect(points.contains(point))
            }
        }
    }

    private func renamed(_ series: [LabelSet: [Int64: Double]], _ name: String) -> [LabelSet: [Int64: Double]] {
        Dictionary(uniqueKeysWithValues: series.map { ($0.key.merging(["__name__": name]) { $1 }, $0.value) })
    }

    private func rolledUp(_ series: [LabelSet: [Int64: Double]], _ name: String) -> [LabelSet: [Int64: Double]] {
        Dictionary(
            uniqueKeysWithValues: series.map {
                ($0.key.merging(["__name__": name, "__rollup__": "true"]) { $1 }, $0.value)
            })
    }

    /// The same series, and for each of them the same windows up to `until` with the same values: bit-equal for
    /// integers, else to a relative 1e-12.
    private func expectEqual(
        _ published: [LabelSet: [Point]], _ expected: [LabelSet: [Int64: Double]], until end: Int64,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(Set(published.keys) == Set(expected.keys), sourceLocation: sourceLocation)
        var compared = 0
        for (labels, windows) in expected {
            let points = (published[labels] ?? []).filter { $0.timeMs <= end }
            let closed = windows.filter { $0.key <= end }
            #expect(points.map(\.timeMs) == closed.keys.sorted(), "\(labels)", sourceLocation: sourceLocation)
            for point in points {
                guard let value = closed[point.timeMs] else { continue }
                let isEqual =
                    value == point.value
                    || (value != value.rounded() && (value - point.value).magnitude <= 1e-12 * value.magnitude)
                #expect(
                    isEqual, "\(labels) at \(point.timeMs): \(point.value), not \(value)",
                    sourceLocation: sourceLocation)
                compared += 1
            }
        }
        #expect(compared >= 5, sourceLocation: sourceLocation)
    }
}

extension Result where Failure == any Error {
    /// Runs the body to its end or first error, so that what was started can be stopped before the error goes on.
    fileprivate init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
