/// Why a series of a request is not taken. The rest of the request is.
public struct SeriesRejection: Error, Sendable, Equatable {
    /// The raw value is the `reason` label of counters.
    public enum Reason: String, Sendable, CaseIterable {
        case missingName = "missing_name"
        case emptyLabelName = "empty_label_name"
        case duplicateLabel = "duplicate_label"
        case labelTooLong = "label_too_long"
        case labelsTooLong = "labels_too_long"
        case tooManyLabels = "too_many_labels"
        case tooManySamples = "too_many_samples"
        /// Rules made an id that the wire cannot carry.
        case idTooLong = "id_too_long"
        case timestampTooOld = "timestamp_too_old"
        case timestampTooFarAhead = "timestamp_too_far_ahead"
    }

    public var reason: Reason
    /// Names the series, what is wrong with it, and what would be right.
    public var text: String

    public init(_ reason: Reason, _ text: String) {
        self.reason = reason
        self.text = text
    }
}
