import AggregatorExamples
import Testing

@testable import Aggregator

/// Scripts played to a worker.
extension Script {
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
        let simulation = Simulation(options, shards: shards)
        var actual: [String] = []
        var expected: [String] = []
        for step in try Script(parsing: text).steps {
            expected += [step.line] + step.expected
            actual += [step.line] + perform(step, on: simulation)
            let failures = simulation.failures
            if !failures.isEmpty { Issue.record("\(step.line): \(failures)", sourceLocation: sourceLocation) }
        }
        if actual != expected {
            let text = actual.map { expected.contains($0) ? $0 : "\($0)      <— not expected" }
            let missing = expected.filter { !actual.contains($0) }
            Issue.record(
                "\(text.joined(separator: "\n"))\nmissing:\n\(missing.joined(separator: "\n"))",
                sourceLocation: sourceLocation)
        }
        return simulation
    }

    @discardableResult
    static func run(
        _ example: WorkedExample, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Simulation {
        try run(example.options, shards: example.shards, example.text, sourceLocation: sourceLocation)
    }

    /// What a step gives.
    private static func perform(_ step: Step, on simulation: Simulation) -> [String] {
        let before = (simulation.published.count, simulation.forwarded.count, simulation.drops)
        switch step.action {
        case .ingest(let payload): simulation.ingest(payload, now: step.now)
        case .flush: simulation.flushAll(now: step.now)
        case .discard: simulation.discard(before: step.now)
        case .ended: simulation.flushEnded(now: step.now)
        case .shutdown: simulation.shutDown(now: step.now)
        case .tick: simulation.tick(now: step.now)
        }
        var lines = simulation.forwarded[before.1...].map { message in
            forwarded(
                message.metricType, id: message.id, timeNanos: message.timeNanos, values: message.values,
                previous: message.previous, version: message.version, metadata: message.metadata)
        }
        lines += simulation.published[before.0...].map { output in
            published(
                id: output.id, timeNanos: output.timeNanos, value: output.value, policy: output.policy,
                routingTrafficTypes: output.routingTrafficTypes, annotation: output.annotation)
        }
        for (reason, count) in simulation.drops.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where count != before.2[reason] ?? 0 { lines.append("!! \(reason.rawValue)") }
        return lines
    }
}
