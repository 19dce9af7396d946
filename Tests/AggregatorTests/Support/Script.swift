import Aggregation
import Metrics
import Testing

@testable import Aggregator

/// A test as text on virtual time: input lines, each followed by what it gives.
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
struct Script {
    private let simulation: Simulation

    init(_ options: AggregatorOptions = Script.options, shards: [OwnedShard]? = nil) {
        simulation = Simulation(options, shards: shards)
    }

    /// The settings of the worked examples.
    static var options: AggregatorOptions {
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

    static let defaultPolicy = StoragePolicy(
        resolutionNanos: 10_000_000_000, precisionNanos: 1_000_000_000, retentionNanos: 172_800_000_000_000)

    /// Runs a script and compares what each line gives; conservation has to hold after every line.
    @discardableResult
    static func run(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Simulation {
        try run(options, text, sourceLocation: sourceLocation)
    }

    @discardableResult
    static func run(
        _ options: AggregatorOptions, shards: [OwnedShard]? = nil, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Simulation {
        let script = Script(options, shards: shards)
        var actual: [String] = []
        var expected: [String] = []
        for line in text.split(separator: "\n") {
            let line = line.trimmingPrefix { $0 == " " }
            expected.append(String(line))
            if line.hasPrefix("->") || line.hasPrefix("=>") || line.hasPrefix("!!") { continue }
            actual.append(String(line))
            actual += try script.step(String(line))
            let failures = script.simulation.failures
            if !failures.isEmpty { Issue.record("\(line): \(failures)", sourceLocation: sourceLocation) }
        }
        if actual != expected {
            let text = actual.map { expected.contains($0) ? $0 : "\($0)      <— not expected" }
            let missing = expected.filter { !actual.contains($0) }
            Issue.record(
                "\(text.joined(separator: "\n"))\nmissing:\n\(missing.joined(separator: "\n"))",
                sourceLocation: sourceLocation)
        }
        return script.simulation
    }

    private func step(_ line: String) throws -> [String] {
        let parts = line.split(separator: ":", maxSplits: 1)
        var words = parts[0].split(separator: " ").map(String.init)
        var note = ""
        words.removeAll { word in
            guard word.hasPrefix("~") else { return false }
            note = String(word.dropFirst())
            return true
        }
        let now = try Seconds.nanos(words[0])
        let before = (simulation.published.count, simulation.forwarded.count, simulation.drops)
        switch words[1] {
        case "flush": simulation.flushAll(now: now)
        case "discard": simulation.discard(before: now)
        case "ended": simulation.flushEnded(now: now)
        case "shutdown": simulation.shutDown(now: now)
        case "tick": simulation.tick(now: now)
        default:
            let metadata = parts.count > 1 ? parts[1].split(separator: " ").joined(separator: " ") : "Default"
            simulation.ingest(try payload(words[1...], metadata, note), now: now)
        }
        var lines = simulation.forwarded[before.1...].map(text(of:))
        lines += simulation.published[before.0...].map(text(of:))
        for (reason, count) in simulation.drops.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where count != before.2[reason] ?? 0 { lines.append("!! \(reason.rawValue)") }
        return lines
    }

    private func payload(_ words: ArraySlice<String>, _ metadata: String, _ note: String) throws -> [UInt8] {
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
        let policy = pipeline.storagePolicies.first ?? Script.defaultPolicy
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

    private func failure(_ words: ArraySlice<String>) -> MetadataText.Failure {
        MetadataText.Failure(description: "\(words.joined(separator: " ")) is no line of a script")
    }

    private func number(_ text: String) throws -> Double {
        guard let value = Double(text) else { throw MetadataText.Failure(description: "\(text) is no number") }
        return value
    }

    private func text(of published: Simulation.Published) -> String {
        let policy = published.policy == Self.defaultPolicy ? "" : " " + published.policy.description
        let note = published.annotation.isEmpty ? "" : " ~" + String(decoding: published.annotation, as: UTF8.self)
        let routing = published.routingTrafficTypes == 0 ? "" : " routing \(published.routingTrafficTypes)"
        return "-> \(published.name) @\(Seconds.text(published.timeNanos)) = \(text(of: published.value))"
            + "\(policy)\(routing)\(note)"
    }

    private func text(of forwarded: Simulation.Forwarded) -> String {
        let values = forwarded.values.map(text(of:)).joined(separator: " ")
        let policy =
            forwarded.metadata.storagePolicy == Self.defaultPolicy
            ? "" : " " + forwarded.metadata.storagePolicy.description
        let previous = forwarded.previous.map(text(of:)).joined(separator: " ")
        let resend = forwarded.metadata.resendEnabled ? " version \(forwarded.version) prev \(previous)" : ""
        return "=> \(String(decoding: forwarded.id, as: UTF8.self)) \(forwarded.metricType.name)"
            + " @\(Seconds.text(forwarded.timeNanos)) = \(values) | from \(forwarded.metadata.sourceID)"
            + " stage \(forwarded.metadata.numForwardedTimes)\(policy)\(resend)"
    }

    private func text(of value: Double) -> String {
        // M3 has two NaNs.
        if value.isNaN { return "nan" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
