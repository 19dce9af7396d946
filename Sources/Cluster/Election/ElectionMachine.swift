import KeyValue

/// The rules of one member in an election, without clock and I/O: takes what happened and says what to do.
///
/// Level-triggered: `advance` compares what is with what should be and asks for the missing steps, each kind once at a time. A
/// member is leader only by a read of all candidates that began after its own key was written, showed that key first, and ended
/// while its lease was valid. Times are nanoseconds of a clock that never goes back and counts while the machine sleeps.
public struct ElectionMachine: Sendable {
    public struct Options: Sendable {
        /// Under which the candidates' keys stand, without the slash at its end.
        public var prefix: String
        /// What this member is known by: its instance id.
        public var value: String
        public var ttlSeconds: Int64
        /// Pause before standing again after a resignation, M3's.
        public var backoffNanos: Int64 = 1_000_000_000
        /// The candidates are read so often even when no change was reported.
        public var readIntervalNanos: Int64 = 2_000_000_000

        public init(prefix: String, value: String, ttlSeconds: Int64) {
            self.prefix = prefix
            self.value = value
            self.ttlSeconds = max(ttlSeconds, ElectionMachine.minTTLSeconds)
        }
    }

    /// etcd grants no shorter lease with its default election timeout.
    public static let minTTLSeconds: Int64 = 2

    public enum Action: Sendable, Hashable {
        case grantLease
        case keepAlive(lease: Int64)
        /// Write the candidate key, which hangs on the lease, if it is absent.
        case register(key: String, lease: Int64)
        case readCandidates
        case unregister(Fence)
    }

    public enum Event: Sendable {
        case leaseGranted(lease: Int64, ttlSeconds: Int64, sentAt: Int64)
        case leaseFailed
        /// 0 seconds: the lease is gone.
        case keepAliveAnswered(lease: Int64, ttlSeconds: Int64, sentAt: Int64)
        case keepAliveFailed
        case registered(Fence, lease: Int64)
        case registerFailed(leaseIsGone: Bool)
        /// In the order of their create revisions.
        case candidatesRead([ElectionCandidate], startedAt: Int64)
        case readFailed
        /// Something was reported to have changed among the candidates.
        case candidatesChanged
        case unregistered(Fence)
        case unregisterFailed
        case resignRequested
        case campaignWanted(Bool)
    }

    private enum Step: Hashable { case grant, keepAlive, register, read, unregister }

    struct Session: Sendable {
        var lease: Int64
        var ttlNanos: Int64
        var validUntil: Int64
        var nextKeepAlive: Int64
    }

    private let options: Options
    /// Whether a leader with this value is one that this member may step back for; a stranger's key is none.
    private let isPeer: @Sendable (String) -> Bool
    private(set) var session: Session?
    /// Own key as it was last written.
    private(set) var candidate: Fence?
    private var registeredAt: Int64 = 0
    private var role = ElectionState.follower
    /// All members that stood when they were last read, the leader first.
    public private(set) var candidates: [ElectionCandidate] = []
    public var leader: ElectionCandidate? { candidates.first }
    public private(set) var isCampaigning: Bool
    private var isResigning = false
    private var inFlight: Set<Step> = []
    private var nextGrant = Int64.min
    private var nextRegister = Int64.min
    private var nextRead = Int64.min
    private var nextUnregister = Int64.min

    public init(
        options: Options, isCampaigning: Bool = true,
        isPeer: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.options = options
        self.isCampaigning = isCampaigning
        self.isPeer = isPeer
    }

    public func state(at now: Int64) -> ElectionState {
        if case .leader(let term) = role, !isSessionValid(at: now) { return .lostSession(term: term) }
        return role
    }

    public func fence(at now: Int64) -> Fence? {
        state(at: now).isLeader ? candidate : nil
    }

    /// The lease that would keep the key of a member which is gone.
    public var lease: Int64? { session?.lease }

    private func isSessionValid(at now: Int64) -> Bool { session.map { now < $0.validUntil } ?? false }

    private var retryNanos: Int64 { min(max(options.ttlSeconds * 100_000_000, 100_000_000), 1_000_000_000) }

    /// The steps to take now.
    public mutating func advance(at now: Int64) -> [Action] {
        var actions: [Action] = []
        role = state(at: now)
        if isCampaigning, session == nil, now >= nextGrant { start(.grant, .grantLease, &actions) }
        if let session, now >= session.nextKeepAlive {
            start(.keepAlive, .keepAlive(lease: session.lease), &actions)
        }
        if let candidate {
            if isResigning || !isCampaigning, now >= nextUnregister {
                start(.unregister, .unregister(candidate), &actions)
            }
        } else if isCampaigning, !isResigning, let session, now < session.validUntil, now >= nextRegister {
            let key = "\(options.prefix)/\(String(session.lease, radix: 16))"
            start(.register, .register(key: key, lease: session.lease), &actions)
        }
        if now >= nextRead, !inFlight.contains(.read) {
            start(.read, .readCandidates, &actions)
            // Whatever asks for a read from here on wants one that begins later.
            nextRead = .max
        }
        return actions
    }

    /// When `advance` should be called at the latest, unless an event comes first.
    public func nextWakeup(after now: Int64) -> Int64 {
        var times = [nextRead]
        if session == nil, isCampaigning { times.append(nextGrant) }
        if let session {
            times.append(session.nextKeepAlive)
            if role.isLeader { times.append(session.validUntil) }
        }
        if candidate == nil, isCampaigning { times.append(nextRegister) }
        if candidate != nil, isResigning || !isCampaigning { times.append(nextUnregister) }
        return times.filter { $0 > now }.min() ?? now + options.readIntervalNanos
    }

    private mutating func start(_ step: Step, _ action: Action, _ actions: inout [Action]) {
        if inFlight.insert(step).inserted { actions.append(action) }
    }

    public mutating func handle(_ event: Event, at now: Int64) {
        role = state(at: now)
        switch event {
        case .leaseGranted(let lease, let ttl, let sentAt):
            inFlight.remove(.grant)
            session = Session(lease: lease, ttlNanos: 0, validUntil: 0, nextKeepAlive: 0)
            renewed(ttlSeconds: ttl, sentAt: sentAt)
            candidate = nil
        case .leaseFailed:
            inFlight.remove(.grant)
            nextGrant = now + retryNanos
        case .keepAliveAnswered(let lease, let ttl, let sentAt):
            inFlight.remove(.keepAlive)
            guard session?.lease == lease else { return }
            if ttl > 0 { renewed(ttlSeconds: ttl, sentAt: sentAt) } else { sessionEnded() }
            if !role.isLeader, role != .follower { nextRead = now }
        case .keepAliveFailed:
            inFlight.remove(.keepAlive)
            let next = now + retryNanos
            session?.nextKeepAlive = next
        case .registered(let fence, let lease):
            inFlight.remove(.register)
            // The lease may have ended while the answer was on its way, and the key with it.
            guard session?.lease == lease else { return }
            candidate = fence
            registeredAt = now
            nextRead = now
        case .registerFailed(let leaseIsGone):
            inFlight.remove(.register)
            nextRegister = now + retryNanos
            if leaseIsGone { sessionEnded() }
        case .candidatesRead(let candidates, let startedAt):
            inFlight.remove(.read)
            nextRead = min(nextRead, now + options.readIntervalNanos)
            learn(candidates, startedAt: startedAt, now: now)
        case .readFailed:
            inFlight.remove(.read)
            nextRead = min(nextRead, now + retryNanos)
        case .candidatesChanged:
            nextRead = now
        case .unregistered(let fence):
            inFlight.remove(.unregister)
            if candidate == fence { candidate = nil }
            if isResigning, let term = role.term { role = .resigning(term: term) }
            isResigning = false
            if !isCampaigning { role = .follower }
            nextRegister = now + options.backoffNanos
            nextRead = now
        case .unregisterFailed:
            inFlight.remove(.unregister)
            nextUnregister = now + retryNanos
        case .resignRequested:
            isResigning = candidate != nil && role.term != nil
            nextUnregister = now
        case .campaignWanted(let wanted):
            isCampaigning = wanted
            nextUnregister = now
            if !wanted, candidate == nil { role = .follower }
        }
    }

    private mutating func renewed(ttlSeconds: Int64, sentAt: Int64) {
        let ttl = min(ttlSeconds, 86_400) * 1_000_000_000
        session?.ttlNanos = ttl
        // Counted from before the request left, etcd's own count starts later: the lease never outlives ours by mistake.
        session?.validUntil = sentAt + ttl
        session?.nextKeepAlive = sentAt + ttl / 3
    }

    private mutating func sessionEnded() {
        session = nil
        candidate = nil
        isResigning = false
        nextGrant = .min
        nextRegister = .min
        nextRead = .min
        if let term = role.term { role = isCampaigning ? .lostSession(term: term) : .follower }
    }

    private mutating func learn(_ candidates: [ElectionCandidate], startedAt: Int64, now: Int64) {
        self.candidates = candidates
        if let own = candidate {
            let isThere = candidates.contains { $0.key == own.key && $0.createRevision == own.createRevision }
            guard isThere || startedAt >= registeredAt else {
                nextRead = now
                return
            }
            if !isThere {
                // Deleted by someone, or with its lease: what this member believes of itself counts for nothing.
                candidate = nil
                nextRegister = isResigning ? now + options.backoffNanos : now
                session?.nextKeepAlive = now
                if let term = role.term { role = isResigning ? .resigning(term: term) : .lostSession(term: term) }
                isResigning = false
            }
        }
        guard let first = candidates.first else { return }
        if let own = candidate, first.key == own.key, first.createRevision == own.createRevision {
            if isSessionValid(at: now), !isResigning, isCampaigning { role = .leader(term: own.createRevision) }
        } else if role != .follower, first.value != options.value, isPeer(first.value) {
            role = .follower
        }
    }
}
