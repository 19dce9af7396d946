import Cluster
import KeyValue

/// Where a cluster stands: instances, shards, leaders and how far they have flushed. Source: `docs/cluster.md`.
public struct ClusterStatus: Sendable {
    public struct Member: Sendable {
        public var service: String
        public var id: String
        public var endpoint: String
        /// 0 for coordinators.
        public var shardSetID: UInt32
        public var initializing: Int
        public var available: Int
        public var leaving: Int
        public var isLeader: Bool
    }

    public struct ShardSet: Sendable {
        public var id: UInt32
        public var members: Int
        /// The leading instance; nil when nobody leads.
        public var leader: String?
        /// How long the list that is furthest behind is overdue, in nanoseconds; nil when nothing was flushed yet.
        public var flushLagNanos: Int64?
    }

    public var environment: String
    public var numShards: UInt32
    public var replicas: UInt32
    public var shardSets: [ShardSet]
    public var members: [Member]
    public var topics: [Topic]
    /// What is missing, in the order in which it should be put right.
    public var problems: [String] = []

    /// - Parameters:
    ///   - leader: the value of an election's leading candidate, by the election's prefix; nil when there is none.
    ///   - now: nanoseconds since 1970.
    public init(
        store: any KeyValueStore, environment: String, topics names: [String], now: Int64,
        leader: (String) async throws(ClusterError) -> String?
    ) async throws(ClusterError) {
        self.environment = environment
        let service = ServiceID(name: ServiceID.aggregatorName, environment: environment)
        let aggregators = try await PlacementStore(store: store, serviceID: service).get()?.value
        let coordinators = try await PlacementStore(
            store: store, serviceID: ServiceID(name: ServiceID.coordinatorName, environment: environment)
        ).get()?.value
        numShards = aggregators?.numShards ?? 0
        replicas = aggregators?.replicaFactor ?? 0
        var sets: [ShardSet] = []
        for id in Set(aggregators?.instances.map(\.shardSetID) ?? []).sorted() {
            let members = aggregators?.instances.filter { $0.shardSetID == id } ?? []
            let prefix = ControlKeys.election(ShardSetKeyFormat.election.key(shardSetID: id), service: service)
            let times = try await FlushTimesStore(store: store, shardSetID: id, environment: environment).get()
            sets.append(
                ShardSet(
                    id: id, members: members.count, leader: try await leader(prefix),
                    flushLagNanos: times.flatMap { Self.lag($0.value, of: members, now: now) }))
        }
        shardSets = sets
        let leaders = Dictionary(sets.map { ($0.id, $0.leader) }, uniquingKeysWith: { first, _ in first })
        members =
            (aggregators?.instances ?? []).map { Self.member($0, service.name, leader: leaders[$0.shardSetID] ?? nil) }
            .sorted { ($0.shardSetID, $0.id) < ($1.shardSetID, $1.id) }
            + (coordinators?.instances ?? []).map { Self.member($0, ServiceID.coordinatorName, leader: nil) }
        let topicStore = TopicStore(store: store, environment: environment)
        var topics: [Topic] = []
        for name in names {
            if let topic = try await topicStore.get(name)?.value {
                topics.append(topic)
            } else {
                problems.append("there is no topic \(name)")
            }
        }
        self.topics = topics
        if coordinators == nil { problems.insert("there is no placement of m3coordinator", at: 0) }
        if aggregators == nil { problems.insert("there is no placement of m3aggregator", at: 0) }
        addProblems()
    }

    private static func member(_ instance: Instance, _ service: String, leader: String?) -> Member {
        func count(_ state: ShardAssignment.State) -> Int { instance.shards.count { $0.state == state } }
        return Member(
            service: service, id: instance.id, endpoint: instance.endpoint, shardSetID: instance.shardSetID,
            initializing: count(.initializing), available: count(.available), leaving: count(.leaving),
            isLeader: leader == instance.id)
    }

    /// By how much more than its resolution the oldest list of the set's shards was flushed ago.
    private static func lag(_ times: FlushTimes, of members: [Instance], now: Int64) -> Int64? {
        let owned = Set(members.flatMap { $0.shards.map(\.id) })
        var worst: Int64?
        for (shard, lists) in times.byShard where owned.contains(shard) && !lists.isTombstoned {
            var all = Array(lists.standard) + Array(lists.timed)
            for (resolution, byCount) in lists.forwarded { all += byCount.values.map { (resolution, $0) } }
            for (resolution, time) in all where time > 0 {
                let (age, overflow) = now.subtractingReportingOverflow(time)
                let (overdue, again) = age.subtractingReportingOverflow(resolution)
                guard !overflow, !again else { continue }
                worst = max(worst ?? 0, overdue)
            }
        }
        return worst
    }

    private mutating func addProblems() {
        for set in shardSets {
            if set.members < Int(replicas) {
                problems.append("shard set \(set.id) has \(set.members) of \(replicas) instances")
            }
            guard let leader = set.leader else {
                problems.append("shard set \(set.id) has no leader: start its aggregators")
                continue
            }
            if !members.contains(where: { $0.shardSetID == set.id && $0.id == leader }) {
                problems.append("shard set \(set.id) is led by \(leader), which is not in it")
            }
        }
        for topic in topics {
            if topic.consumerServices.isEmpty { problems.append("nobody consumes the topic \(topic.name)") }
            let isIngest = topic.consumerServices.contains { $0.serviceID.name == ServiceID.aggregatorName }
            if isIngest, numShards > 0, topic.numberOfShards != numShards {
                problems.append(
                    "the topic \(topic.name) has \(topic.numberOfShards) shards and the aggregators have \(numShards)")
            }
        }
    }
}
