import CM3Protocol
import Metrics
import TestKit
import Testing

@testable import WireFormat

/// Our hand-written readers against protobuf-c: both accept with equal values, or both refuse.
@Suite struct ReferenceComparisonTests {
    /// Tags of five bytes with bits beyond 32, and field number 0 written in several bytes: protobuf-c drops the bits and
    /// takes 0 for an unknown field, we refuse both as M3 refuses field 0. No encoder writes them.
    private func isDeliberatelyStricter(_ error: WireError) -> Bool {
        if case .malformedTag = error { true } else { false }
    }

    static func payloads() throws -> [[UInt8]] {
        try Line.all("unaggregated.jsonl").filter { $0.has("hex") }.map { try $0.bytes("hex") }.filter {
            $0.count < 260
        }
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
        for payload in try Self.payloads() {
            for count in 0..<payload.count where compare(Array(payload[..<count])) { accepted += 1 }
        }
        // A message cut between two fields of the envelope lacks its sub-message: nothing cut is a metric.
        #expect(accepted == 0)
    }

    @Test func randomBytesReadAlike() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<FuzzPlan.iterations {
            let count = Int.random(in: 0...64, using: &random)
            _ = compare((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    @Test(arguments: [UInt64(2), 3, 4, 5])
    func mutatedPayloadsReadAlike(seed: UInt64) throws {
        var mutator = Mutator(seed: seed, corpus: try Self.payloads())
        var accepted = 0
        for _ in 0..<FuzzPlan.iterations where compare(mutator.next()) { accepted += 1 }
        // Enough must get through for the comparison of values to mean something.
        #expect(accepted > FuzzPlan.iterations / 10)
    }

    /// - Returns: whether both accept.
    private func compare(_ payload: [UInt8]) -> Bool {
        agree(Result { () throws(WireError) in try DecodedMetric.ours(payload) }, Reference.metric(payload), payload)
    }

    /// - Returns: whether both accept.
    private func agree<Value: Equatable>(
        _ ours: Result<Value, WireError>, _ reference: Value?, _ input: [UInt8]
    ) -> Bool {
        switch ours {
        case .success(let value):
            if value != reference { Issue.record("\(value) instead of \(String(describing: reference)): \(input.hex)") }
            return true
        case .failure(let error):
            if reference != nil, !isDeliberatelyStricter(error) { Issue.record("\(error): \(input.hex)") }
            return false
        }
    }

    @Test func mutatedMessageFramesReadAlike() throws {
        let corpus = try Line.all("m3msg.jsonl").filter { try $0.string("kind") == "m3msg_message_frame" }
            .map { Array(try $0.bytes("hex")[4...]) }
        var mutator = Mutator(seed: 6, corpus: corpus)
        var accepted = 0
        for _ in 0..<FuzzPlan.iterations {
            let frame = mutator.next()
            let reference = Reference.decode(
                Reference.joined(frame, .message), msgpb__message__unpack, msgpb__message__free_unpacked
            ) {
                let metadata = $0.metadata?.pointee
                return [metadata?.shard ?? 0, metadata?.id ?? 0, metadata?.sent_at_nanos ?? 0].map { "\($0)" }
                    + [Reference.bytes($0.value).hex]
            }
            let ours = Result { () throws(WireError) in
                let bytes = frame.span.bytes
                let view = try M3MsgFrame.readMessage(bytes, in: .all(of: bytes))
                return ["\(view.shard)", "\(view.id)", "\(view.sentAtNanos)", view.value.array(from: bytes).hex]
            }
            if agree(ours, reference, frame) { accepted += 1 }
        }
        #expect(accepted > FuzzPlan.iterations / 10)
    }

    @Test func mutatedAcksReadAlike() throws {
        let corpus = try Line.all("m3msg.jsonl").filter { try $0.string("kind") == "m3msg_ack_frame" }
            .map { Array(try $0.bytes("hex")[4...]) }
        var mutator = Mutator(seed: 7, corpus: corpus)
        var accepted = 0
        for _ in 0..<FuzzPlan.iterations {
            let frame = mutator.next()
            let reference = Reference.decode(frame, msgpb__ack__unpack, msgpb__ack__free_unpacked) { ack in
                (0..<ack.n_metadata).compactMap { ack.metadata?[$0]?.pointee }.map {
                    AckEntry(shard: $0.shard, id: $0.id)
                }
            }
            let ours = Result { () throws(WireError) in
                var entries: [AckEntry] = []
                try M3MsgFrame.readAck(frame.span.bytes, in: .all(of: frame.span.bytes)) { entries.append($0) }
                return entries
            }
            if agree(ours, reference, frame) { accepted += 1 }
        }
        #expect(accepted > FuzzPlan.iterations / 10)
    }

    @Test func mutatedAggregatedMetricsReadAlike() throws {
        let corpus = try Line.all("aggregated.jsonl").filter { $0.has("hex") }.map { try $0.bytes("hex") }
            .filter { $0.count < 2_000 }
        var mutator = Mutator(seed: 8, corpus: corpus)
        var accepted = 0
        for _ in 0..<FuzzPlan.iterations {
            let payload = mutator.next()
            let reference = aggregatedReference(payload)
            let ours = Result { () throws(WireError) in try DecodedMetric.oursAggregated(payload) }
            if agree(ours, reference, payload) { accepted += 1 }
        }
        #expect(accepted > FuzzPlan.iterations / 10)
    }

    private func aggregatedReference(_ payload: [UInt8]) -> DecodedMetric? {
        Reference.decode(
            Reference.joined(payload, .aggregatedMetric), metricpb__aggregated_metric__unpack,
            metricpb__aggregated_metric__free_unpacked
        ) { message in
            guard let body = message.metric?.pointee else { return nil }
            let resolution = body.storage_policy?.pointee.resolution?.pointee
            let policy = MetadataCodec.encode(
                StoragePolicy(
                    resolutionNanos: resolution?.window_size ?? 0, precisionNanos: resolution?.precision ?? 0,
                    retentionNanos: body.storage_policy?.pointee.retention?.pointee.period ?? 0))
            guard hasMeaning(policy) else { return nil }
            var result = Reference.timed(
                0, body.timed_metric, policy, routing: body.routing_policy?.pointee.traffic_types ?? 0)
            result?.clientTimeNanos = message.encode_nanos
            return result
        }
    }

    /// Whether a policy stands for something, which is decided above the wire with the same rules on both sides.
    private func hasMeaning(_ policy: [UInt8]) -> Bool {
        do {
            _ = try MetadataCodec.storagePolicy(policy.span.bytes, in: ByteRange(offset: 0, count: policy.count))
            return true
        } catch {
            return false
        }
    }
}

extension MergeSchema {
    fileprivate static let message = MergeSchema(once: [1: .leaf])
    fileprivate static let aggregatedMetric = MergeSchema(once: [
        1: MergeSchema(once: [1: .leaf, 2: .storagePolicy, 3: .leaf])
    ])
}
