import MessageQueue
import Metrics
import NIOCore
import Telemetry
import WireFormat

/// Hands payloads of raw TCP to the workers, as the m3msg server does with its own, and judges which of them cost their
/// connection. Source: `docs/aggregator-role.md`, "Raw TCP".
final class RawTCPIngest: RawTCPConsumer {
    private let router: IngestRouter
    private let registry: Registry
    private let passedOn: Counter
    private let timerBatchSizes: Histogram

    init(router: IngestRouter, registry: Registry) {
        self.router = router
        self.registry = registry
        passedOn = registry.counter(
            "m3agg_raw_tcp_messages_total", help: "Metrics of raw TCP that were handed to workers.")
        timerBatchSizes = registry.histogram(
            "m3agg_raw_tcp_timer_batch_size", help: "Values of the timer batches of raw TCP.",
            bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384, 65_536])
    }

    func consume(_ batch: RawTCPBatch) -> RawTCPRefusal? {
        var messages: [MessageView] = []
        messages.reserveCapacity(batch.payloads.count)
        var refusal: RawTCPRefusal?
        batch.buffer.withUnsafeReadableBytes { raw in
            let bytes = raw.bytes
            for payload in batch.payloads {
                do throws(WireError) {
                    messages.append(MessageView(unframed: payload, shard: try hash(bytes, payload)))
                } catch {
                    countBad(error)
                    // A limit of ours: M3 takes such a message, so its sender is no stranger.
                    if case .limitExceeded = error { continue }
                    refusal = RawTCPRefusal(reason: error.reason, description: "\(error)")
                    return
                }
            }
        }
        if !messages.isEmpty {
            passedOn.add(messages.count)
            router.route(
                MessageSlice(batch: batch.messages(messages), indices: nil, connection: nil, takesPassthrough: true))
        }
        return refusal
    }

    /// The hash of the metric's id, whose remainder is the shard.
    private func hash(_ bytes: RawSpan, _ payload: ByteRange) throws(WireError) -> UInt64 {
        do throws(WireError) {
            let view = try MetricReader.read(bytes, in: payload)
            if view.kind == .batchTimer { timerBatchSizes.observe(Double(view.valueCount)) }
            return view.id.withBytes(of: bytes) { UInt64(Murmur3.hash32($0)) }
        } catch WireError.scattered {
            let gathered = try MetricReader.gathered(bytes, in: payload)
            let span = gathered.span.bytes
            let view = try MetricReader.read(span, in: ByteRange(offset: 0, count: gathered.count))
            return UInt64(Murmur3.hash32(view.id.array(from: span)))
        }
    }

    private func countBad(_ error: WireError) {
        registry.counter(
            "m3agg_raw_tcp_bad_total", help: "Payloads of raw TCP that were no metric, or too large.",
            labels: [("reason", error.reason)]
        ).add(1 as UInt64)
    }
}
