import ArgumentParser
import Cluster
import ControlAPI

/// `m3agg cluster status`: who is in a pool, who leads and who is behind.
struct ClusterStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show shard sets, replicas, leaders and how far they have flushed.",
        discussion: """
            Reads placements, topics, elections and flush times. FLUSH LAG is how long the list of a shard set that is
            furthest behind is overdue.
              m3agg cluster status --etcd 127.0.0.1:2379
              m3agg cluster status --etcd 127.0.0.1:2379 --env m3db/m3-cluster --json
            Exit codes: 0 when nothing is wrong; 1 when the store can't be reached; 3 when something is missing, which is
            named below the table; 64 for wrong usage.
            """)

    @OptionGroup var store: ClusterStoreOptions

    @Option(name: .customLong("env"), help: "The environment.")
    var environment = ServiceID.defaultEnvironment

    @Option(name: .customLong("topic"), help: "A topic to look at; repeat it for several.")
    var topics = ["aggregator_ingest", "aggregated_metrics"]

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let status: ClusterStatus
        do {
            let opened = try store.open()
            do {
                status = try await ClusterStatus(
                    store: opened.values, environment: environment, topics: topics,
                    now: CommandClock.nowMs() * 1_000_000
                ) { (prefix) async throws(ClusterError) in try await opened.leader(prefix) }
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
        } catch {
            Terminal.note("m3agg cluster status: \(error)")
            throw ExitCode(1)
        }
        if json {
            Terminal.line(ClusterJSON.text(status))
        } else {
            for line in Self.lines(status) { Terminal.line(line) }
        }
        if !status.problems.isEmpty { throw ExitCode(3) }
    }

    /// The table, the topics and what is wrong.
    static func lines(_ status: ClusterStatus) -> [String] {
        var table = TextTable([
            ("SERVICE", .left), ("SET", .right), ("INSTANCE", .left), ("ENDPOINT", .left), ("SHARDS", .left),
            ("ROLE", .left), ("FLUSH LAG", .right),
        ])
        let sets = Dictionary(status.shardSets.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for member in status.members {
            let isAggregator = member.service == ServiceID.aggregatorName
            let set = isAggregator ? sets[member.shardSetID] : nil
            let counts = [
                (member.available, "available"), (member.initializing, "initializing"), (member.leaving, "leaving"),
            ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
            let role = !isAggregator ? "" : member.isLeader ? "leader" : set?.leader == nil ? "no leader" : "follower"
            let lag = set?.flushLagNanos.map { "\(NumberText.short(Double($0) / 1e9))s" }
            table.add([
                member.service, isAggregator ? "\(member.shardSetID)" : "", member.id, member.endpoint,
                counts.joined(separator: ", "), role, member.isLeader ? lag ?? "never" : "",
            ])
        }
        var lines = status.members.isEmpty ? [] : table.lines()
        for topic in status.topics {
            let consumers = topic.consumerServices.map {
                "\($0.serviceID.name) (\($0.consumptionType == .shared ? "shared" : "replicated"))"
            }
            lines.append(
                "topic \(topic.name): \(topic.numberOfShards) shards, consumed by "
                    + (consumers.isEmpty ? "nobody" : consumers.joined(separator: ", ")))
        }
        return lines + status.problems.map { "! \($0)" }
    }
}
