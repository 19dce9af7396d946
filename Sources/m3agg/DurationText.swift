import ArgumentParser
import Metrics

/// A duration on the command line: `200ms`, `15s`, `1m30s`, with the units of storage policies.
struct DurationText: ExpressibleByArgument, Sendable, CustomStringConvertible {
    var nanos: Int64

    init(seconds: Int64) { nanos = seconds * 1_000_000_000 }

    init?(argument: String) {
        guard let nanos = try? StoragePolicy(parsing: "\(argument):1s").resolutionNanos, nanos >= 0 else { return nil }
        self.nanos = nanos
    }

    var description: String {
        let text = StoragePolicy(resolutionNanos: nanos, precisionNanos: 1_000_000_000, retentionNanos: 0).description
        return String(text.prefix { $0 != ":" && $0 != "@" })
    }
    var defaultValueDescription: String { description }

    var duration: Duration { .nanoseconds(nanos) }
}
