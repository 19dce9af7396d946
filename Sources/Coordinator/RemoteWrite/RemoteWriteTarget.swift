import Metrics

/// Where the samples of a remote write go, as its headers say.
///
/// Source: `docs/rules.md`, Write headers.
public enum RemoteWriteTarget: Sendable, Equatable {
    /// Stored as they are, and downsampled by the rules. Without headers.
    case rulesAndUnaggregated
    /// Stored as they are: `M3-Metrics-Type: unaggregated`.
    case unaggregatedOnly
    /// Stored as the results of a policy: `M3-Metrics-Type: aggregated` with `M3-Storage-Policy`.
    case aggregated(StoragePolicy)
    /// Downsampled only: `M3-Write-Type: aggregate`.
    case rulesOnly

    /// Headers that contradict each other or say nothing known.
    public struct HeaderError: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// Reads the write headers; nil and empty values stand for absent ones.
    public init(
        metricsType: String?, storagePolicy: String?, writeType: String?
    ) throws(HeaderError) {
        let policyText = storagePolicy ?? ""
        switch metricsType ?? "" {
        case "unaggregated":
            guard policyText.isEmpty else {
                throw HeaderError(
                    description:
                        "M3-Storage-Policy '\(policyText)' cannot go with M3-Metrics-Type unaggregated; leave one out")
            }
            self = .unaggregatedOnly
        case "aggregated":
            guard !policyText.isEmpty else {
                throw HeaderError(
                    description: "M3-Metrics-Type aggregated needs M3-Storage-Policy; add a policy such as 10s:2d")
            }
            do {
                self = .aggregated(try StoragePolicy(parsing: policyText))
            } catch {
                throw HeaderError(description: "M3-Storage-Policy: \(error)")
            }
        case "": self = try Self.downsampled(policyText, writeType ?? "")
        case let other:
            throw HeaderError(description: "M3-Metrics-Type '\(other)' is unknown; write unaggregated or aggregated")
        }
    }

    private static func downsampled(_ policyText: String, _ writeType: String) throws(HeaderError) -> Self {
        guard policyText.isEmpty else {
            throw HeaderError(
                description: "M3-Storage-Policy '\(policyText)' needs M3-Metrics-Type; add M3-Metrics-Type: aggregated")
        }
        switch writeType {
        case "", "default": return .rulesAndUnaggregated
        case "aggregate": return .rulesOnly
        default: throw HeaderError(description: "M3-Write-Type '\(writeType)' is unknown; write default or aggregate")
        }
    }

    /// Whether rules see the samples.
    var usesRules: Bool { self == .rulesAndUnaggregated || self == .rulesOnly }
}
