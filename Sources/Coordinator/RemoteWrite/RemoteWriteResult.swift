import Storage

/// What became of every sample of a request. All counts are samples unless they say otherwise.
///
/// Conservation: `received` = `stored` + `notStored` + the sum of `rejected`.
public struct RemoteWriteCounts: Sendable, Equatable {
    public var series = 0
    public var received = 0
    /// In the batch for the store.
    public var stored = 0
    /// Good, but not for the store: a rule drops the series, or the write is for rules only.
    public var notStored = 0
    /// Of the good ones: stale markers, which the aggregator does not see.
    public var staleMarkers = 0
    /// Messages for the aggregator, of which a sample makes none, one or several.
    public var messages = 0
    public var rejected: [SeriesRejection.Reason: Int] = [:]
    public var rejectedSeries = 0
    /// Native histograms and exemplars, which are not supported and passed over.
    public var histograms = 0
    public var exemplars = 0

    public init() {}

    public var rejectedTotal: Int { rejected.values.reduce(0, +) }
}

/// What a remote write asks for: two batches to be admitted together, or not at all.
public struct RemoteWriteResult {
    /// The most rejected series that ``errorText`` describes.
    public static let maxErrorTexts = 5

    /// For the aggregator.
    public internal(set) var messages: MessageBuffer
    /// For the store.
    public internal(set) var samples = SampleBatch()
    public internal(set) var counts = RemoteWriteCounts()
    var errors: [String] = []

    init(messageBytes: Int) { messages = MessageBuffer(capacity: messageBytes) }

    /// What to answer with status 400 after the good series were taken; nil when all were good.
    public var errorText: String? {
        guard counts.rejectedTotal > 0 || counts.rejectedSeries > 0 else { return nil }
        let reasons = counts.rejected.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key.rawValue)=\($0.value)" }.joined(separator: ", ")
        let head =
            "\(counts.rejectedTotal) of \(counts.received) samples were refused (\(reasons)), the others were taken"
        return ([head] + errors).joined(separator: "\n")
    }

    mutating func reject(_ reason: SeriesRejection.Reason, samples: Int, _ text: @autoclosure () -> String) {
        counts.rejected[reason, default: 0] += samples
        if errors.count < Self.maxErrorTexts { errors.append(text()) }
    }
}
