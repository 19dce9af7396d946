import Cluster
import Etcd
import Logging
import NodeConfiguration
import Synchronization
import Telemetry

/// Leadership over etcd: one ``ShardSetMember`` at a time, of the shard set that the placement names for this instance.
/// Without one the instance follows and publishes nothing.
final class ShardSetLeadership: AggregatorLeadership, FlushGate {
    private struct Current {
        var shardSetID: UInt32
        var member: ShardSetMember
    }

    private let configuration: AggregatorConfiguration
    private let stores: RoleStores
    private let instanceID: String
    private let metrics: LeadershipTelemetry
    private let current = Mutex<Current?>(nil)
    private let placement = Mutex<Placement?>(nil)

    init(
        configuration: AggregatorConfiguration, stores: RoleStores, instanceID: String, registry: Registry,
        logger: Logger
    ) {
        self.configuration = configuration
        self.stores = stores
        self.instanceID = instanceID
        metrics = LeadershipTelemetry(registry, logger: logger)
    }

    var status: AggregatorFlushStatus {
        current.withLock { $0?.member }?.status ?? AggregatorFlushStatus(role: .follower, canLead: false)
    }

    func resign(deadlineNanos: Int64) async throws {
        try await current.withLock { $0?.member }?.resign(within: deadlineNanos)
    }

    func publishingTerm(now: Int64) -> Int64? { current.withLock { $0?.member }?.publishingTerm(now: now) }

    /// Takes each placement, from the present one on; another shard set is joined when the old one has been left.
    func follow(_ placement: Placement, workers: any FlushWorkers) async throws {
        self.placement.withLock { $0 = placement }
        let own = placement.instance(instanceID)
        let (known, leaving) = current.withLock { current -> (ShardSetMember?, ShardSetMember?) in
            guard let now = current else { return (nil, nil) }
            if now.shardSetID == own?.shardSetID { return (now.member, nil) }
            current = nil
            return (nil, now.member)
        }
        if let known { return known.update(view(placement)) }
        if let leaving {
            await leaving.stop()
            await workers.follow()
        }
        guard let own else { return }
        let member = try member(of: own.shardSetID, placement, workers)
        current.withLock { $0 = Current(shardSetID: own.shardSetID, member: member) }
    }

    /// Makes room for a successor.
    /// - Returns: whether there is one, so that windows that are over are not lost with this instance.
    func stop() async -> Bool {
        guard let member = current.withLock({ $0?.member }) else { return true }
        let handsOver = member.status.role == .follower || member.hasSuccessor
        if handsOver { await member.stop() }
        return handsOver
    }

    /// Ends the membership.
    func close() async {
        let member = current.withLock { current -> ShardSetMember? in
            defer { current = nil }
            return current?.member
        }
        await member?.close()
    }

    // MARK: Parts

    private func member(
        of shardSetID: UInt32, _ placement: Placement, _ workers: any FlushWorkers
    ) throws -> ShardSetMember {
        let settings = configuration.election
        let service = ServiceID(
            name: settings.service.name, environment: settings.service.environment, zone: settings.service.zone)
        let times = configuration.flushTimes
        let election = EtcdElection(
            client: try stores.etcdClient(
                zone: settings.service.zone, key: "aggregator.electionManager.serviceID.zone"),
            service: service, electionID: settings.key(shardSetID: shardSetID),
            value: settings.leaderValue.isEmpty ? instanceID : settings.leaderValue,
            ttlSeconds: Int64(settings.ttlSeconds), isCampaigning: false
        ) { [weak self, instanceID] value in
            self?.placement.withLock { $0?.isPeer(value, of: instanceID) ?? false } ?? false
        }
        return ShardSetMember(
            election: election,
            times: FlushTimesStore(
                store: try stores.store(zone: times.scope.zone, key: "aggregator.flushTimesManager.kvConfig.zone"),
                shardSetID: shardSetID, environment: stores.environment(times.scope),
                format: try ShardSetKeyFormat(parsing: times.keyFormat)),
            instanceID: instanceID, view: view(placement), workers: workers, options: memberOptions, metrics: metrics)
    }

    private var memberOptions: ShardSetMember.Options {
        var options = ShardSetMember.Options()
        options.manager.maxBufferNanos = configuration.flush.maxBufferNanos
        options.manager.forcedFlushWindowNanos = configuration.flush.forcedFlushWindowNanos
        options.manager.publishesWithoutSession = configuration.onSessionLoss == .publish
        options.manager.bufferPastNanos = configuration.windows.bufferPastNanos
        options.checkNanos = min(max(configuration.flush.checkEveryNanos, 10_000_000), 1_000_000_000)
        options.campaignCheckNanos = max(configuration.election.campaignCheckIntervalNanos, 10_000_000)
        return options
    }

    private func view(_ placement: Placement) -> ShardSetMember.View {
        let policy = CampaignPolicy(cutoffCheckOffsetNanos: configuration.election.shardCutoffCheckOffsetNanos)
        let id = instanceID
        var redirects: [UInt32: UInt32] = [:]
        for shard in placement.shards(of: id) { redirects[shard.id] = shard.redirectToShardID }
        return ShardSetMember.View(
            mayCampaign: { times, now in policy.shouldCampaign(id, in: placement, flushTimes: times, at: now) },
            redirects: redirects)
    }
}
