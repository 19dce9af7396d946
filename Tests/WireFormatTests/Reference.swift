import CM3Protocol
import CProtobufC
import Metrics

@testable import WireFormat

/// Decoded values of one message, out of their bytes, floats as bits: what our reader and the reference codec must agree on.
struct DecodedMetric: Equatable {
    var kind: Int32
    var metricType: UInt32
    var id: [UInt8]
    var annotation: [UInt8]
    var clientTimeNanos: Int64 = 0
    var timeNanos: Int64 = 0
    var counterValue: Int64 = 0
    var value: UInt64 = 0
    var values: [UInt64] = []
    var prevValues: [UInt64] = []
    var version: UInt32 = 0
    /// The metadata as the reference codec writes it.
    var metadata: [UInt8] = []
    var routingTrafficTypes: UInt64 = 0
}

/// protobuf-c, with the rules that stand above the wire: types that are known, sub-messages that are there.
enum Reference {
    typealias Allocator = UnsafeMutablePointer<ProtobufCAllocator>

    /// Decodes, hands over, frees; nil when the codec refuses.
    static func decode<Message, Result>(
        _ bytes: [UInt8], _ unpack: (Allocator?, Int, UnsafePointer<UInt8>?) -> UnsafeMutablePointer<Message>?,
        _ free: (UnsafeMutablePointer<Message>?, Allocator?) -> Void, _ body: (Message) -> Result?
    ) -> Result? {
        guard let message = bytes.withUnsafeBufferPointer({ unpack(nil, $0.count, $0.baseAddress) }) else { return nil }
        defer { free(message, nil) }
        return body(message.pointee)
    }

    /// A message as the codec writes it, nothing for none.
    static func encode<Message>(_ message: UnsafeMutablePointer<Message>?) -> [UInt8] {
        guard let message else { return [] }
        // Every message of the codec begins with the same header.
        let header = UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
        var bytes = [UInt8](repeating: 0, count: protobuf_c_message_get_packed_size(header))
        bytes.withUnsafeMutableBufferPointer { _ = $0.baseAddress.map { protobuf_c_message_pack(header, $0) } }
        return bytes
    }

    static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
        Array(UnsafeBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len))
    }

    static func bits(_ start: UnsafeMutablePointer<Double>?, _ count: Int) -> [UInt64] {
        UnsafeBufferPointer(start: start, count: start == nil ? 0 : count).map(\.bitPattern)
    }

    /// The metric as the codec reads it; pieces of sub-messages joined before, since the codec loses numbers when it merges.
    static func metric(_ payload: [UInt8]) -> DecodedMetric? {
        decode(
            joined(payload, .metricWithMetadatas), metricpb__metric_with_metadatas__unpack,
            metricpb__metric_with_metadatas__free_unpacked
        ) {
            let kind = Int32(bitPattern: $0.type.rawValue)
            switch kind {
            case 1:
                guard let body = $0.counter_with_metadatas?.pointee else { return nil }
                let metric = body.counter?.pointee
                var result = decoded(kind, METRICPB__METRIC_TYPE__COUNTER, metric?.id, metric?.annotation)
                result.counterValue = metric?.value ?? 0
                result.clientTimeNanos = metric?.client_time_nanos ?? 0
                result.metadata = encode(body.metadatas)
                return result
            case 2:
                guard let body = $0.batch_timer_with_metadatas?.pointee else { return nil }
                let metric = body.batch_timer?.pointee
                var result = decoded(kind, METRICPB__METRIC_TYPE__TIMER, metric?.id, metric?.annotation)
                result.values = bits(metric?.values, metric?.n_values ?? 0)
                result.metadata = encode(body.metadatas)
                return result
            case 3:
                guard let body = $0.gauge_with_metadatas?.pointee else { return nil }
                let metric = body.gauge?.pointee
                var result = decoded(kind, METRICPB__METRIC_TYPE__GAUGE, metric?.id, metric?.annotation)
                result.value = metric?.value.bitPattern ?? 0
                result.clientTimeNanos = metric?.client_time_nanos ?? 0
                result.metadata = encode(body.metadatas)
                return result
            case 4:
                guard let body = $0.forwarded_metric_with_metadata?.pointee else { return nil }
                let metric = body.metric?.pointee
                let type = metric?.type ?? METRICPB__METRIC_TYPE__UNKNOWN
                guard type.rawValue <= 3 else { return nil }
                var result = decoded(kind, type, metric?.id, metric?.annotation)
                result.timeNanos = metric?.time_nanos ?? 0
                result.values = bits(metric?.values, metric?.n_values ?? 0)
                result.prevValues = bits(metric?.prev_values, metric?.n_prev_values ?? 0)
                result.version = metric?.version ?? 0
                result.metadata = encode(body.metadata)
                return result
            case 5:
                guard let body = $0.timed_metric_with_metadata?.pointee else { return nil }
                return timed(kind, body.metric, encode(body.metadata))
            case 6:
                guard let body = $0.timed_metric_with_metadatas?.pointee else { return nil }
                return timed(kind, body.metric, encode(body.metadatas))
            case 7:
                guard let body = $0.timed_metric_with_storage_policy?.pointee else { return nil }
                let policy = encode(body.storage_policy)
                return timed(kind, body.timed_metric, policy, routing: body.routing_policy?.pointee.traffic_types ?? 0)
            default: return nil
            }
        }
    }

    private static func decoded(
        _ kind: Int32, _ type: Metricpb__MetricType, _ id: ProtobufCBinaryData?, _ annotation: ProtobufCBinaryData?
    ) -> DecodedMetric {
        DecodedMetric(
            kind: kind, metricType: type.rawValue, id: id.map(bytes) ?? [], annotation: annotation.map(bytes) ?? [])
    }

    static func joined(_ message: [UInt8], _ schema: MergeSchema) -> [UInt8] {
        let joined = Result { () throws(WireError) in
            let all = ByteRange(offset: 0, count: message.count)
            guard try SubmessageMerger.isScattered(message.span.bytes, all, schema) else { return message }
            var writer = ByteWriter()
            try SubmessageMerger.append(message.span.bytes, [all], schema, to: &writer)
            return writer.array()
        }
        // What cannot be walked is malformed, for the codec to refuse.
        return (try? joined.get()) ?? message
    }

    static func timed(
        _ kind: Int32, _ metric: UnsafeMutablePointer<Metricpb__TimedMetric>?, _ metadata: [UInt8], routing: UInt64 = 0
    ) -> DecodedMetric? {
        let type = metric?.pointee.type ?? METRICPB__METRIC_TYPE__UNKNOWN
        guard type.rawValue <= 3 else { return nil }
        var result = decoded(kind, type, metric?.pointee.id, metric?.pointee.annotation)
        result.timeNanos = metric?.pointee.time_nanos ?? 0
        result.value = metric?.pointee.value.bitPattern ?? 0
        result.metadata = metadata
        result.routingTrafficTypes = routing
        return result
    }

    /// Undecoded metadata as the reference codec writes it, which is how the two sides compare it; nil when malformed.
    static func canonicalMetadata(_ kind: PayloadKind, _ contents: [UInt8]) -> [UInt8]? {
        func canonical<Message>(
            _ unpack: (Allocator?, Int, UnsafePointer<UInt8>?) -> UnsafeMutablePointer<Message>?,
            _ free: (UnsafeMutablePointer<Message>?, Allocator?) -> Void, _ schema: MergeSchema
        ) -> [UInt8]? {
            guard
                let message = joined(contents, schema).withUnsafeBufferPointer({ unpack(nil, $0.count, $0.baseAddress) }
                )
            else {
                return nil
            }
            defer { free(message, nil) }
            return encode(message)
        }
        switch kind {
        case .forwarded:
            return canonical(
                metricpb__forward_metadata__unpack, metricpb__forward_metadata__free_unpacked, .forwardMetadata)
        case .timedWithMetadata:
            return canonical(
                metricpb__timed_metadata__unpack, metricpb__timed_metadata__free_unpacked, .timedMetadata)
        case .passthrough:
            return canonical(
                policypb__storage_policy__unpack, policypb__storage_policy__free_unpacked, .storagePolicy)
        default:
            return canonical(
                metricpb__staged_metadatas__unpack, metricpb__staged_metadatas__free_unpacked, .stagedMetadatas)
        }
    }
}

extension DecodedMetric {
    /// What our reader makes of a payload, pieces gathered.
    static func ours(_ payload: [UInt8]) throws(WireError) -> DecodedMetric {
        var payload = payload
        var view: MetricView
        do {
            view = try MetricReader.read(payload.span.bytes, in: .all(of: payload.span.bytes))
        } catch {
            guard error == .scattered else { throw error }
            payload = try MetricReader.gathered(payload.span.bytes, in: .all(of: payload.span.bytes))
            view = try MetricReader.read(payload.span.bytes, in: .all(of: payload.span.bytes))
        }
        let bytes = payload.span.bytes
        var result = DecodedMetric(
            kind: Int32(view.kind.rawValue), metricType: UInt32(view.metricType.rawValue),
            id: view.id.array(from: bytes), annotation: view.annotation.array(from: bytes),
            clientTimeNanos: view.clientTimeNanos, timeNanos: view.timeNanos, counterValue: view.counterValue,
            value: view.value.bitPattern, version: view.version, routingTrafficTypes: view.routingTrafficTypes)
        view.forEachValue(in: bytes) { result.values.append($0.bitPattern) }
        view.forEachPrevValue(in: bytes) { result.prevValues.append($0.bitPattern) }
        guard let metadata = Reference.canonicalMetadata(view.kind, view.metadata.array(from: bytes)) else {
            throw .malformedMessage("metadata")
        }
        result.metadata = metadata
        return result
    }

    /// What our reader makes of an aggregated metric; the encode time takes the client time's place.
    static func oursAggregated(_ payload: [UInt8]) throws(WireError) -> DecodedMetric {
        let bytes = payload.span.bytes
        let view = try AggregatedMetricReader.read(bytes, in: .all(of: bytes))
        return DecodedMetric(
            kind: 0, metricType: UInt32(view.metricType.rawValue), id: view.id.array(from: bytes),
            annotation: view.annotation.array(from: bytes), clientTimeNanos: view.encodeNanos,
            timeNanos: view.timeNanos, value: view.value.bitPattern,
            metadata: MetadataCodec.encode(view.storagePolicy), routingTrafficTypes: view.routingTrafficTypes)
    }

    /// The payload that our writers make of these values.
    func encoded() -> [UInt8] {
        let type = MetricType(rawValue: UInt8(metricType)) ?? .unknown
        let values = values.map { Double(bitPattern: $0) }
        let prevValues = prevValues.map { Double(bitPattern: $0) }
        let value = Double(bitPattern: value)
        return written { writer in
            switch kind {
            case 1:
                MetricWriter.appendCounter(
                    id: id.span.bytes, value: counterValue, annotation: annotation.span.bytes,
                    clientTimeNanos: clientTimeNanos, metadatas: metadata.span.bytes, to: &writer)
            case 2:
                MetricWriter.appendBatchTimer(
                    id: id.span.bytes, values: values.span, annotation: annotation.span.bytes,
                    metadatas: metadata.span.bytes, to: &writer)
            case 3:
                MetricWriter.appendGauge(
                    id: id.span.bytes, value: value, annotation: annotation.span.bytes,
                    clientTimeNanos: clientTimeNanos, metadatas: metadata.span.bytes, to: &writer)
            case 4:
                MetricWriter.appendForwarded(
                    type: type, id: id.span.bytes, timeNanos: timeNanos, values: values.span,
                    annotation: annotation.span.bytes, prevValues: prevValues.span, version: version,
                    metadata: metadata.span.bytes, to: &writer)
            case 5:
                MetricWriter.appendTimed(
                    type: type, id: id.span.bytes, timeNanos: timeNanos, value: value,
                    annotation: annotation.span.bytes, metadata: metadata.span.bytes, to: &writer)
            case 6:
                MetricWriter.appendTimed(
                    type: type, id: id.span.bytes, timeNanos: timeNanos, value: value,
                    annotation: annotation.span.bytes, metadatas: metadata.span.bytes, to: &writer)
            default:
                MetricWriter.appendPassthrough(
                    type: type, id: id.span.bytes, timeNanos: timeNanos, value: value,
                    annotation: annotation.span.bytes, policy: metadata.span.bytes,
                    routingTrafficTypes: routingTrafficTypes, to: &writer)
            }
        }
    }
}
