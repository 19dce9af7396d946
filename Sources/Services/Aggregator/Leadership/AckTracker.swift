import Aggregator

/// Up to when everything that a worker published has been acknowledged. Pure.
///
/// A flush and the batches that it made are a round; rounds end in their order. Source: `docs/high-availability.md`,
/// "Flush times".
struct AckTracker: Sendable {
    private struct Round {
        var open: Int
        /// Where all lists stood after it; nil while it goes on.
        var times: [FlushTime]?
    }

    /// More rounds than this are counted as one, which only delays what followers may discard.
    static let maxRounds = 1_024

    private var rounds: [Round] = []
    /// Number of the first of them.
    private var firstRound = 0
    /// Where the lists stood after the last round that has ended.
    private(set) var acked: [FlushTime]
    /// Where the lists stood after the last round.
    private(set) var flushed: [FlushTime]

    init(_ times: [FlushTime] = []) {
        acked = times
        flushed = times
    }

    /// Batches that are under way.
    var openBatches: Int { rounds.reduce(0) { $0 + $1.open } }

    /// Begins anew, for one that begins to lead; batches that are still under way count no more.
    mutating func restart(_ times: [FlushTime]) {
        firstRound += rounds.count
        rounds = []
        acked = times
        flushed = times
    }

    /// Whether a flush is going on.
    var isRoundOpen: Bool { rounds.last.map { $0.times == nil } ?? false }

    /// Begins a round, or goes on with one that has not ended.
    mutating func beginRound() {
        if let last = rounds.last, last.times == nil { return }
        if rounds.count >= Self.maxRounds {
            rounds[rounds.count - 1].times = nil
        } else {
            rounds.append(Round(open: 0, times: nil))
        }
    }

    /// A batch goes out.
    /// - Returns: its round, for ``batchEnded(round:)``.
    mutating func batchBegan() -> Int {
        if rounds.isEmpty { beginRound() }
        rounds[rounds.count - 1].open += 1
        return firstRound + rounds.count - 1
    }

    /// The flush of the last round is over.
    /// - Parameter times: where all lists stand now.
    mutating func endRound(_ times: [FlushTime]) {
        flushed = times
        if rounds.isEmpty { beginRound() }
        rounds[rounds.count - 1].times = times
        settle()
    }

    /// All messages of a batch have been acknowledged, or given up and counted.
    mutating func batchEnded(round: Int) {
        let index = round - firstRound
        guard rounds.indices.contains(index), rounds[index].open > 0 else { return }
        rounds[index].open -= 1
        settle()
    }

    private mutating func settle() {
        var ended = 0
        while ended < rounds.count, rounds[ended].open == 0, let times = rounds[ended].times {
            acked = times
            ended += 1
        }
        guard ended > 0 else { return }
        rounds.removeFirst(ended)
        firstRound += ended
    }

    /// Where the lists stand for a follower: what was acknowledged, and in any case what is older than the buffer, so
    /// that consumers that take nothing for long don't fill the followers' memory.
    func persistable(maxBufferNanos: Int64) -> [FlushTime] {
        let acked = Dictionary(acked.map { ($0.list, $0.lastFlushedNanos) }, uniquingKeysWith: { $1 })
        return flushed.map { time in
            let least = max(0, time.lastFlushedNanos.subtractingSaturating(maxBufferNanos))
            return FlushTime(list: time.list, lastFlushedNanos: max(acked[time.list] ?? 0, least))
        }
    }
}
