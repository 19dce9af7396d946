import Aggregation
public import Aggregator
public import Metrics

/// A history as text on virtual time: input lines, each followed by what it gives.
///
///     1000 counter c 5 ct 998 : Sum              an untimed counter, with a time of the client's if any; `gauge` and
///                                                `timer` (several values) likewise
///     1000 timed gauge g 2.5 at 995 : Last       with staged metadatas
///     1000 plain gauge g 2.5 at 995 : Last on 10s:2d
///     1000 forwarded gauge r 5 2 at 990 from 3 stage 1 : Sum on 10s:2d
///                                                with `version 1 prev 4 2` behind the stage: resent
///     1010 flush                                 all lists, due or not; also `ended`, `shutdown`, `tick`
///     1010 discard                               what a leader has published up to then
///     -> c @1010 = 13                            published; `1m:40d` behind it when the policy is not 10s:2d,
///                                                `routing 6` when there is one
///     => r gauge @1010 = 5 2 | from 3 stage 1    forwarded; with resending `version 1 prev 4 2` follows
///     !! too_far_in_past                         values that were not taken, by reason
///
/// `~TEXT` behind the values is an annotation, in published lines too.
public struct Script: Sendable {
    public enum Action: Sendable, Equatable {
        /// A payload of the ingest topic.
        case ingest([UInt8])
        case flush, discard, ended, shutdown, tick
    }

    /// An input line with the lines that it gives.
    public struct Step: Sendable {
        public var line: String
        /// Nanoseconds since 1970.
        public var now: Int64
        public var action: Action
        public var expected: [String] = []
    }

    public private(set) var steps: [Step] = []

    /// - Throws: ``MetadataText/Failure`` or `MetricsError` for a line that can't be read.
    public init(parsing text: String) throws {
        for line in text.split(separator: "\n") {
            let line = String(line.trimmingPrefix { $0 == " " })
            if ["->", "=>", "!!"].contains(line.prefix(2)) {
                guard !steps.isEmpty else { throw Self.failure(line) }
                steps[steps.count - 1].expected.append(line)
            } else {
                steps.append(try Self.step(line))
            }
        }
    }

    /// The outputs that the whole script gives, as often as it gives them.
    public var published: [String] { steps.flatMap { $0.expected.filter { $0.hasPrefix("->") } } }
    /// The messages that it forwards.
    public var forwarded: [String] { steps.flatMap { $0.expected.filter { $0.hasPrefix("=>") } } }
    /// Why values were not taken.
    public var refusals: Set<String> {
        Set(steps.flatMap { $0.expected.filter { $0.hasPrefix("!!") }.map { String($0.dropFirst(3)) } })
    }

    /// The settings of the worked examples.
    public static var options: AggregatorOptions {
        var options = AggregatorOptions()
        options.bufferForPastTimedMetricsNanos = 60_000_000_000
        options.bufferForFutureTimedMetricsNanos = 60_000_000_000
        options.forwardingDelay = .constant(60_000_000_000)
        options.jitter = .off
        options.timedMetricsFlushOffsetEnabled = false
        options.timerTypeString = .suffix
        options.quantileEstimator = .m3Default
        options.defaultStoragePolicies = [defaultPolicy]
        return options
    }

    /// 10s:2d
    public static let defaultPolicy = StoragePolicy(
        resolutionNanos: 10_000_000_000, precisionNanos: 1_000_000_000, retentionNanos: 172_800_000_000_000)

    // MARK: Reading

    private static func step(_ line: String) throws -> Step {
        let parts = line.split(separator: ":", maxSplits: 1)
        var words = parts[0].split(separator: " ").map(String.init)
        var note = ""
        words.removeAll { word in
            guard word.hasPrefix("~") else { return false }
            note = String(word.dropFirst())
            return true
        }
        guard words.count > 1 else { throw failure(line) }
        let now = try Seconds.nanos(words[0])
        switch words[1] {
        case "flush": return Step(line: line, now: now, action: .flush)
        case "discard": return Step(line: line, now: now, action: .discard)
        case "ended": return Step(line: line, now: now, action: .ended)
        case "shutdown": return Step(line: line, now: now, action: .shutdown)
        case "tick": return Step(line: line, now: now, action: .tick)
        default:
            let metadata = parts.count > 1 ? parts[1].split(separator: " ").joined(separator: " ") : "Default"
            return Step(line: line, now: now, action: .ingest(try payload(words[1...], metadata, note)))
        }
    }

    private static func payload(_ words: ArraySlice<String>, _ metadata: String, _ note: String) throws -> [UInt8] {
        var words = words
        let kind = words[words.startIndex]
        guard ["timed", "plain", "forwarded"].contains(kind) else {
            let id = words[words.startIndex + 1]
            var clientTime: Int64 = 0
            if words.dropLast().last == "ct" {
                clientTime = try Seconds.nanos(words[words.endIndex - 1])
                words = words.dropLast(2)
            }
            let values = try words.dropFirst(2).map(number)
            let staged = try MetadataText.staged(metadata)
            switch kind {
            case "counter":
                guard let value = words.last.flatMap({ Int64($0) }) else { throw failure(words) }
                return Payload.counter(id, value, staged, note: note, clientTime: clientTime)
            case "gauge": return Payload.gauge(id, values[0], staged, note: note, clientTime: clientTime)
            case "timer": return Payload.timer(id, values, staged, note: note, clientTime: clientTime)
            default: throw failure(words)
            }
        }
        guard let at = words.firstIndex(of: "at"),
            let type = [MetricType.counter, .gauge, .timer, .unknown].first(where: {
                $0.name == words[words.startIndex + 1]
            })
        else { throw failure(words) }
        let id = words[words.startIndex + 2]
        let values = try words[(words.startIndex + 3)..<at].map(number)
        let time = try Seconds.nanos(words[at + 1])
        if kind == "timed" {
            return Payload.timed(type, id, values[0], at: time, try MetadataText.staged(metadata), note: note)
        }
        let pipeline = try MetadataText.pipeline(metadata)
        let policy = pipeline.storagePolicies.first ?? defaultPolicy
        if kind == "plain" {
            return Payload.plainTimed(
                type, id, values[0], at: time,
                TimedMetadata(aggregationID: pipeline.aggregationID, storagePolicy: policy))
        }
        func argument(_ name: String) -> Int {
            words.firstIndex(of: name).flatMap { Int(words[$0 + 1]) } ?? 0
        }
        let previous = try words.firstIndex(of: "prev").map { try words[($0 + 1)...].map(number) } ?? []
        return Payload.forwarded(
            type, id, values, at: time,
            ForwardMetadata(
                aggregationID: pipeline.aggregationID, storagePolicy: policy, pipeline: pipeline.pipeline,
                sourceID: UInt32(argument("from")), numForwardedTimes: Int32(argument("stage")),
                resendEnabled: pipeline.resendEnabled, routingTrafficTypes: pipeline.routingTrafficTypes),
            previous: previous, version: UInt32(argument("version")), note: note)
    }

    private static func failure(_ words: ArraySlice<String>) -> MetadataText.Failure {
        failure(words.joined(separator: " "))
    }

    private static func failure(_ line: String) -> MetadataText.Failure {
        MetadataText.Failure(description: "\(line) is no line of a script")
    }

    private static func number(_ text: String) throws -> Double {
        guard let value = Double(text) else { throw MetadataText.Failure(description: "\(text) is no number") }
        return value
    }

    // MARK: Writing

    /// A published value as its line; the policy and the routing are left out when they are the usual ones.
    public static func published(
        id: [UInt8], timeNanos: Int64, value: Double, policy: StoragePolicy, routingTrafficTypes: UInt64,
        annotation: [UInt8]
    ) -> String {
        let policy = policy == defaultPolicy ? "" : " " + policy.description
        let note = annotation.isEmpty ? "" : " ~" + String(decoding: annotation, as: UTF8.self)
        let routing = routingTrafficTypes == 0 ? "" : " routing \(routingTrafficTypes)"
        return "-> \(String(decoding: id, as: UTF8.self)) @\(Seconds.text(timeNanos)) = \(text(of: value))"
            + "\(policy)\(routing)\(note)"
    }

    /// A forwarded message as its line.
    public static func forwarded(
        _ type: MetricType, id: [UInt8], timeNanos: Int64, values: [Double], previous: [Double], version: UInt32,
        metadata: ForwardMetadata
    ) -> String {
        let values = values.map(text(of:)).joined(separator: " ")
        let policy = metadata.storagePolicy == defaultPolicy ? "" : " " + metadata.storagePolicy.description
        let previous = previous.map(text(of:)).joined(separator: " ")
        let resend = metadata.resendEnabled ? " version \(version) prev \(previous)" : ""
        return "=> \(String(decoding: id, as: UTF8.self)) \(type.name) @\(Seconds.text(timeNanos)) = \(values)"
            + " | from \(metadata.sourceID) stage \(metadata.numForwardedTimes)\(policy)\(resend)"
    }

    private static func text(of value: Double) -> String {
        // M3 has two NaNs.
        if value.isNaN { return "nan" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
