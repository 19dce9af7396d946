import Aggregator
import Cluster

/// What an instance does with its windows, by the election of its shard set and by what its leader says to have
/// published. Pure: takes the time, returns what to do. Source: `docs/high-availability.md`, "Leader and follower".
struct FlushManager: Sendable {
    struct Options: Sendable, Equatable {
        /// A follower that hears nothing for so long begins to discard by its own clock what is older than that.
        var maxBufferNanos: Int64 = 300 * 1_000_000_000
        /// How often it then does.
        var forcedFlushWindowNanos: Int64 = 10 * 1_000_000_000
        /// How often a leader writes flush times, also when they stand still.
        var writeIntervalNanos: Int64 = 1_000_000_000
        /// Whether a leader without a session goes on publishing; else it keeps its windows.
        var publishesWithoutSession = true
        /// How long a leader that lost its session, or resigned, publishes nothing, so that the election can show
        /// whether another one leads.
        var pauseNanos: Int64 = 1_000_000_000
        /// B of the timed lists, without the resolution, for ``WarmUp``.
        var bufferPastNanos: Int64 = 0
    }

    enum Action: Sendable, Equatable {
        /// Publish from now on, with this term: all that is due and was not discarded.
        case lead(term: Int64)
        /// Publish nothing more; what waits for acknowledgement is the new leader's.
        case follow
        /// Discard what the leader has published.
        case discardUpTo(FlushTimes)
        /// Discard what is older, whoever published it.
        case discardBefore(Int64)
        /// Write the flush times that were acknowledged.
        case writeFlushTimes(term: Int64)
    }

    let options: Options
    private(set) var warmUp: WarmUp
    /// The term under which this instance publishes; nil for a follower.
    private(set) var leadingTerm: Int64?
    private var received: FlushTimes?
    private var processed: FlushTimes?
    /// Whether something was received since the last look, be it the same as before.
    private var hasUpdate = false
    private var isForced = false
    /// When a follower last discarded; for a leader without session, when it last had to.
    private var discardedAt: Int64
    private var wroteAt = Int64.min
    /// Since when the election is in a state other than plain leadership.
    private var outSince: Int64?
    /// Nothing is published before this.
    private var pausedUntil = Int64.min

    /// - Parameter now: when the instance began to take values of the shard set.
    init(options: Options, now: Int64) {
        self.options = options
        discardedAt = now
        warmUp = WarmUp(openedAt: now, bufferPastNanos: options.bufferPastNanos)
    }

    /// Flush times as the store has them now, whoever wrote them.
    mutating func receive(_ times: FlushTimes) {
        received = times
        hasUpdate = true
    }

    /// Publishes nothing for some time, so that acknowledgements come in before another instance takes over.
    mutating func pause(until time: Int64) { pausedUntil = time }

    /// What is to be done now, in this order.
    /// - Parameters:
    ///   - state: of the election, as of this moment.
    ///   - isOverLimit: whether a leader that keeps its windows keeps too much.
    mutating func step(_ state: ElectionState, isOverLimit: Bool = false, now: Int64) -> [Action] {
        var actions: [Action] = []
        if case .leader(let term) = state, term != leadingTerm {
            process(&actions, now: now)
            leadingTerm = term
            wroteAt = now
            actions.append(.lead(term: term))
        } else if leadingTerm != nil, state.term == nil {
            leadingTerm = nil
            isForced = false
            discardedAt = now
            actions.append(.follow)
        }
        note(state, now: now)
        if let leadingTerm {
            lead(leadingTerm, state, isOverLimit, now: now, &actions)
        } else {
            follow(now: now, &actions)
        }
        return actions
    }

    /// Whether windows may be published at this very moment: asked before each flush, for a process may have stood
    /// still since the last step.
    /// - Returns: the term to publish with; nil for nothing.
    mutating func publishingTerm(_ state: ElectionState, now: Int64) -> Int64? {
        note(state, now: now)
        guard let leadingTerm, state.term == leadingTerm, now >= pausedUntil else { return nil }
        switch state {
        case .leader: return leadingTerm
        case .lostSession: return options.publishesWithoutSession && hasPaused(now) ? leadingTerm : nil
        case .resigning: return hasPaused(now) ? leadingTerm : nil
        case .follower: return nil
        }
    }

    /// Whether this instance could take over without a loss.
    /// - Parameter isCampaigning: whether its shards allow it to lead.
    func canLead(isCampaigning: Bool, now: Int64) -> Bool {
        leadingTerm != nil || (isCampaigning && isWarm(now: now))
    }

    /// Whether this instance has whole windows of everything that its leader has not published.
    func isWarm(now: Int64) -> Bool { warmUp.isDone(received: received, processed: processed, now: now) }

    private func hasPaused(_ now: Int64) -> Bool { outSince.map { now - $0 >= options.pauseNanos } ?? true }

    private mutating func note(_ state: ElectionState, now: Int64) {
        switch state {
        case .lostSession, .resigning: outSince = outSince ?? now
        case .leader, .follower: outSince = nil
        }
    }

    private mutating func lead(
        _ term: Int64, _ state: ElectionState, _ isOverLimit: Bool, now: Int64, _ actions: inout [Action]
    ) {
        if state.isLeader {
            // Also while they stand still: M3's followers discard by their own clocks what they hear nothing of.
            guard now - wroteAt >= options.writeIntervalNanos else { return }
            wroteAt = now
            actions.append(.writeFlushTimes(term: term))
        } else if isOverLimit, !options.publishesWithoutSession, now - discardedAt >= options.forcedFlushWindowNanos {
            discardedAt = now
            actions.append(.discardBefore(now.subtractingSaturating(options.maxBufferNanos)))
        }
    }

    private mutating func follow(now: Int64, _ actions: inout [Action]) {
        if hasUpdate {
            process(&actions, now: now)
            return
        }
        let silence = now - discardedAt
        if !isForced, silence >= options.maxBufferNanos { isForced = true }
        guard isForced, silence >= options.forcedFlushWindowNanos else { return }
        discardedAt = now
        actions.append(.discardBefore(now.subtractingSaturating(options.maxBufferNanos)))
    }

    private mutating func process(_ actions: inout [Action], now: Int64) {
        guard hasUpdate, let received else { return }
        hasUpdate = false
        processed = received
        isForced = false
        discardedAt = now
        actions.append(.discardUpTo(received))
    }
}
