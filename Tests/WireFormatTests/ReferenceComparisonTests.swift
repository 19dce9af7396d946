import CM3Protocol
import Metrics
import TestKit
import Testing
import WireFormat

/// Our hand-written readers against protobuf-c: both accept with equal values, or both refuse.
@Suite struct ReferenceComparisonTests {
    /// Tags of five bytes with bits beyond 32, and field number 0 written in several bytes: protobuf-c drops the bits and
    /// takes 0 for an unknown field, we refuse both as M3 refuses field 0. No encoder writes them.
    private func isDeliberatelyStricter(_ error: WireError) -> Bool {
        if case .malformedTag = error { true } else { false }
    }

    static func payloads() throws -> [[UInt8]] {
        try Line.all("unaggregated.jsonl").filter { $0.has("hex") }.map { try $0.bytes("hex") }.filter { $0.count < 2_000 }
    }

    @Test func everyCapturedPayloadReadsAlike() throws {
        let payloads = try Line.all("unaggregated.jsonl").filter { $0.has("hex") }.map { try $0.bytes("hex") }
        #expect(payloads.count == 115)
        for payload in payloads {
            #expect(try DecodedMetric.ours(payload) == Reference.metric(payload))
        }
    }

    @Test func truncatedAtEveryLengthReadsAlike() throws {
        var accepted = 0
        for payload in try Self.payloads() where payload.count < 300 {
            for count in 0..<payload.count where try compare(Array(payload[..<count])) { accepted += 1 }
        }
        // A message cut between two fields of the envelope lacks its sub-message: nothing cut is a metric.
        #expect(accepted == 0)
    }

    @Test func randomBytesReadAlike() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<FuzzPlan.iterations {
            let count = Int.random(in: 0...64, using: &random)
            _ = try compare((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    @Test(arguments: [UInt64(2), 3, 4, 5])
    func mutatedPayloadsReadAlike(seed: UInt64) throws {
        var mutator = Mutator(seed: seed, corpus: try Self.payloads())
        var accepted = 0
        for _ in 0..<FuzzPlan.iterations where try compare(mutator.next()) { accepted += 1 }
        // Enough must get through for the comparison of values to mean something.
        #expect(accepted > FuzzPlan.iterations / 10)
    }

    /// - Returns: whether both accept.
    private func compare(_ payload: [UInt8]) throws -> Bool {
        let reference = Reference.metric(payload)
        do {
            let ours = try DecodedMetric.ours(payload)
            #expect(ours == reference, "\(payload.hex)")
            return true
        } catch let error as WireError {
            #expect(reference == nil || isDeliberatelyStricter(error), "\(error) \(payload.hex)")
            return false
        }
    }

    @Test func mutatedMessageFramesReadAlike() throws {
        let corpus = try Line.all("m3msg.jsonl").filter { try $0.string("kind") == "m3msg_message_frame" }
            .map { Array(try $0.bytes("hex")[4...]) }
        var mutator = Mutator(seed: 6, corpus: corpus)
        for _ in 0..<FuzzPlan.iterations {
            let frame = mutator.next()
            let bytes = frame.span.bytes
            let reference = Reference.decode(frame, msgpb__message__unpack, msgpb__message__free_unpacked) {
                let metadata = $0.metadata?.pointee
                return [metadata?.shard ?? 0, metadata?.id ?? 0, metadata?.sent_at_nanos ?? 0].map { "\($0)" }
                    + [Reference.bytes($0.value).hex]
            }
            do {
                let view = try M3MsgFrame.readMessage(bytes, in: .all(of: bytes))
                let ours = ["\(view.shard)", "\(view.id)", "\(view.sentAtNanos)", view.value.array(from: bytes).hex]
                #expect(ours == reference, "\(frame.hex)")
            } catch let error as WireError {
                #expect(reference == nil || isDeliberatelyStricter(error), "\(error) \(frame.hex)")
            }
        }
    }

    @Test func mutatedAcksReadAlike() throws {
        let corpus = try Line.all("m3msg.jsonl").filter { try $0.string("kind") == "m3msg_ack_frame" }
            .map { Array(try $0.bytes("hex")[4...]) }
        var mutator = Mutator(seed: 7, corpus: corpus)
        for _ in 0..<FuzzPlan.iterations {
            let frame = mutator.next()
            let reference = Reference.decode(frame, msgpb__ack__unpack, msgpb__ack__free_unpacked) { ack in
                (0..<ack.n_metadata).compactMap { ack.metadata?[$0]?.pointee }.map { AckEntry(shard: $0.shard, id: $0.id) }
            }
            do {
                var ours: [AckEntry] = []
                try M3MsgFrame.readAck(frame.span.bytes, in: .all(of: frame.span.bytes)) { ours.append($0) }
                #expect(ours == reference, "\(frame.hex)")
            } catch let error as WireError {
                #expect(reference == nil || isDeliberatelyStricter(error), "\(error) \(frame.hex)")
            }
        }
    }

    @Test func mutatedAggregatedMetricsReadAlike() throws {
        let corpus = try Line.all("aggregated.jsonl").filter { $0.has("hex") }.map { try $0.bytes("hex") }
            .filter { $0.count < 2_000 }
        var mutator = Mutator(seed: 8, corpus: corpus)
        for _ in 0..<FuzzPlan.iterations {
            let payload = mutator.next()
            let bytes = payload.span.bytes
            let reference = Reference.decode(
                payload, metricpb__aggregated_metric__unpack, metricpb__aggregated_metric__free_unpacked
            ) { message -> DecodedMetric? in
                guard let body = message.metric?.pointee else { return nil }
                let policy = Reference.encode(body.storage_policy, policypb__storage_policy__pack_to_buffer)
                // A policy without a meaning is refused above the wire, with the same rules on both sides.
                guard (try? MetadataCodec.storagePolicy(policy.span.bytes, in: .all(of: policy.span.bytes))) != nil
                else { return nil }
                var result = Reference.timed(
                    0, body.timed_metric, policy, routing: body.routing_policy?.pointee.traffic_types ?? 0)
                result?.clientTimeNanos = message.encode_nanos
                return result
            }
            do {
                let view = try AggregatedMetricReader.read(bytes, in: .all(of: bytes))
                let ours = DecodedMetric(
                    kind: 0, metricType: UInt32(view.metricType.rawValue), id: view.id.array(from: bytes),
                    annotation: view.annotation.array(from: bytes), clientTimeNanos: view.encodeNanos,
                    timeNanos: view.timeNanos, value: view.value.bitPattern,
                    metadata: MetadataCodec.encode(view.storagePolicy),
                    routingTrafficTypes: view.routingTrafficTypes)
                #expect(ours == reference, "\(payload.hex)")
            } catch let error as WireError {
                #expect(reference == nil || isDeliberatelyStricter(error), "\(error) \(payload.hex)")
            }
        }
    }
}
