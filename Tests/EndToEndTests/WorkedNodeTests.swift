import Aggregator
import AggregatorExamples
import TestKit
import Testing

/// M3's behaviour by worked examples, played to a node on virtual time: a producer of the ingest topic sends the input
/// at its times, the node forwards to itself, and a consumer of aggregated metrics gets what it publishes.
///
/// All of them pass through the wire. Settings, and the shards of 16.61, are those that the node starts with; in 16.45c
/// and 16.62 its workers are told to discard, since no other node leads here.
@Suite(.serialized) struct WorkedNodeTests {
    @Test(.examples, .timeLimit(.minutes(1)), arguments: WorkedExample.all)
    func theNodeGivesExample(_ example: WorkedExample) async throws {
        CountedCase.count(as: "example \(example.number)")
        let script = try Script(parsing: example.text)
        let start = try #require(script.steps.first).now
        let node = AggregatorOnVirtualTime(options: example.options, shards: example.shards, startNanos: start)
        try await node.start()
        var actual: [String] = []
        var expected: [String] = []
        var before = Gathered()
        for step in script.steps {
            node.setClock(step.now)
            try await perform(step, on: node)
            let after = try await gathered(from: node)
            expected += [step.line] + lines(of: step)
            actual += [step.line] + after.lines(since: before)
            #expect(after.failures == [], "\(step.line)")
            before = after
        }
        if actual != expected {
            Issue.record(
                "\(actual.joined(separator: "\n"))\nrather than\n\(expected.joined(separator: "\n"))")
        }
        try await node.stop()
    }

    @Test func everyExampleIsGivenToANode() {
        #expect(Set(WorkedExample.all.map(\.number)).count == 68)
    }

    private func perform(_ step: Script.Step, on node: AggregatorOnVirtualTime) async throws {
        switch step.action {
        case .ingest(let payload): try await node.send(payload)
        case .flush: try await node.flushEveryList()
        // Every look for due flushes forgets what has expired.
        case .tick: try await node.flush()
        case .discard: try await node.discard(before: step.now)
        case .ended, .shutdown: Issue.record("\(step.line): not a step of an example")
        }
    }

    /// What a step gives, in an order that doesn't depend on which worker was first. Of forwarded messages, which go to the
    /// node itself, only the number can be seen.
    private func lines(of step: Script.Step) -> [String] {
        let forwarded = step.expected.count { $0.hasPrefix("=>") }
        return (forwarded == 0 ? [] : ["=> \(forwarded)"]) + step.expected.filter { !$0.hasPrefix("=>") }.sorted()
    }

    private func gathered(from node: AggregatorOnVirtualTime) async throws -> Gathered {
        let outputs = node.outputs
        let state = try await node.counters()
        var gathered = Gathered(failures: state.failures)
        gathered.published = outputs.values.map {
            Script.published(
                id: $0.id, timeNanos: $0.timeNanos, value: $0.value, policy: $0.storagePolicy,
                routingTrafficTypes: $0.routingTrafficTypes, annotation: $0.annotation)
        }
        if outputs.bad > 0 { gathered.failures.append("\(outputs.bad) outputs that can't be read") }
        for counters in state.counters {
            gathered.forwarded += counters.forwardedMessages
            for refused in [counters.unrouted.nonZero, counters.rejected.nonZero] {
                for (reason, count) in refused { gathered.refused[reason.rawValue, default: 0] += count }
            }
        }
        return gathered
    }
}

/// What came of a node so far.
private struct Gathered {
    var published: [String] = []
    var forwarded: UInt64 = 0
    var refused: [String: UInt64] = [:]
    var failures: [String] = []

    func lines(since before: Gathered) -> [String] {
        let forwarded = forwarded - before.forwarded
        let refused = refused.filter { $0.value != before.refused[$0.key] ?? 0 }.map { "!! \($0.key)" }
        let published = published.dropFirst(before.published.count)
        return (forwarded == 0 ? [] : ["=> \(forwarded)"]) + (published + refused).sorted()
    }
}
