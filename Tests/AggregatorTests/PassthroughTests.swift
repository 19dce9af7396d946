import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

/// Metrics that are published as they came.
@Suite struct PassthroughTests {
    private func payload(_ id: String, _ value: Double, policy: StoragePolicy = Script.defaultPolicy) -> [UInt8] {
        var writer = ByteWriter(capacity: 128)
        let bytes = MetadataCodec.encode(policy)
        let name = Array(id.utf8)
        MetricWriter.appendPassthrough(
            type: .gauge, id: name.span.bytes, timeNanos: 42, value: value, policy: bytes.span.bytes,
            routingTrafficTypes: 6, to: &writer)
        return writer.array()
    }

    private func worker(_ change: (inout AggregatorOptions) -> Void = { _ in }) -> AggregationWorker {
        var options = Script.options
        options.passthroughEnabled = true
        options.gaugeTypeString = .suffix
        options.metricPrefix = "stats."
        change(&options)
        return AggregationWorker(options: options, ownedShards: [])
    }

    private func ingest(_ payload: [UInt8], into worker: AggregationWorker, takesPassthrough: Bool = true) {
        var misrouted: [Int32] = []
        worker.ingest(
            payload.span.bytes, payloads: [ByteRange(offset: 0, count: payload.count)], now: 100,
            takesPassthrough: takesPassthrough, misrouted: &misrouted)
        #expect(misrouted.isEmpty)
        #expect(worker.verify().isEmpty)
    }

    @Test func idAndPolicyStayAndRoutingIsLost() throws {
        let worker = worker()
        ingest(payload("p", 2.5), into: worker)
        #expect(worker.counters.passedThrough == 1)
        var views: [AggregatedMetricView] = []
        var ids: [[UInt8]] = []
        var shards: [UInt32] = []
        worker.drainPassthrough { output in
            output.withUnsafeBytes { raw in
                for entry in output.entries {
                    guard let view = try? AggregatedMetricReader.read(raw.bytes, in: entry.range) else { continue }
                    views.append(view)
                    ids.append(view.id.array(from: raw.bytes))
                    shards.append(entry.shard)
                }
            }
        }
        let view = try #require(views.first)
        #expect(ids == [Array("p".utf8)])
        #expect(view.timeNanos == 42 && view.value == 2.5 && view.storagePolicy == Script.defaultPolicy)
        #expect(view.routingTrafficTypes == 0)
        #expect(shards == [Murmur3.hash32(Array("p".utf8)) % 64])
        worker.drainPassthrough { _ in Issue.record("it was handed out before") }
    }

    @Test func itIsCountedWhereItIsNotTaken() {
        let disabled = worker { $0.passthroughEnabled = false }
        ingest(payload("p", 1), into: disabled)
        #expect(disabled.counters.unrouted[.passthroughDisabled] == 1)

        let messages = worker()
        ingest(payload("p", 1), into: messages, takesPassthrough: false)
        #expect(messages.counters.bad == ["passthrough_unsupported": 1])

        let follower = worker()
        follower.publishesPassthrough = false
        ingest(payload("p", 1), into: follower)
        #expect(follower.counters.passedThrough == 1)
        follower.drainPassthrough { _ in Issue.record("a follower publishes nothing") }

        let stopped = worker()
        ingest(payload("p", 1), into: stopped)
        var handedOut = 0
        stopped.shutdown(now: 200) { handedOut += $0.entries.count }
        #expect(handedOut == 1)
        ingest(payload("p", 1), into: stopped)
        #expect(stopped.counters.unrouted[.shutDown] == 1)
    }

    @Test func aPolicyWithoutMeaningIsRefused() {
        let worker = worker()
        var bytes = payload("p", 1)
        // The precision, 1 s, becomes one that is no unit.
        guard let index = bytes.indices.last(where: { bytes[$0] == 0x10 }) else {
            Issue.record("the policy has no precision")
            return
        }
        bytes[index + 1] ^= 1
        ingest(bytes, into: worker)
        #expect(worker.counters.unrouted[.badMetadata] == 1 || worker.counters.bad.count == 1)
        #expect(worker.counters.passedThrough == 0)
    }
}
