/// Why bytes from outside were refused. Source: `docs/wire-formats.md`.
public enum WireError: Error, Equatable, Sendable {
    /// A range that was asked for does not lie in the bytes: a mistake of the caller, not of the sender.
    case rangeOutsideInput(offset: Int, count: Int, available: Int)
    /// The message ends inside a field.
    case truncated(message: String, offset: Int)
    /// A number of more than ten bytes, or a length prefix of more than five.
    case malformedVarint(message: String, offset: Int)
    /// A field tag with number 0 or beyond 2^29 - 1.
    case malformedTag(message: String, offset: Int)
    /// A known field with another wire type than its own, or a group (wire types 3 and 4), or wire types 6 and 7.
    case wrongWireType(message: String, field: Int, wireType: Int)
    /// A packed list of doubles whose length is no multiple of 8.
    case malformedPacked(field: String, count: Int)
    /// A limit of ours; see ``WireLimits``.
    case limitExceeded(field: String, value: Int, limit: Int)
    /// The sub-message that the envelope's type names is absent.
    case missingSubmessage(type: Int32)
    /// An envelope type other than 1 to 7.
    case unrecognizedMessageType(Int32)
    /// Legal, but its parts lie apart: a sub-message or a list in several pieces, or sub-messages of several types.
    /// ``MetricReader/gathered(_:in:)`` makes one piece of it.
    case scattered
    case unknownMetricType(Int32)
    case emptyResolution
    case emptyRetention
    case invalidPrecision(nanos: Int64)
    case unknownPipelineOpType(Int32)
    case unknownTransformationType(Int32)
    case unknownDropPolicy(Int32)
    case unknownMatcherType(Int32)
    case invalidUTF8(field: String)
    /// The reference codec refused a message on a cold path.
    case malformedMessage(String)
    /// Not snappy's block format.
    case malformedSnappy(count: Int)

    /// A stable name in snake case, for counters and their `reason` label.
    public var reason: String {
        switch self {
        case .rangeOutsideInput: "range_outside_input"
        case .truncated: "truncated"
        case .malformedVarint: "malformed_varint"
        case .malformedTag: "malformed_tag"
        case .wrongWireType: "wrong_wire_type"
        case .malformedPacked: "malformed_packed"
        case .limitExceeded: "limit_exceeded"
        case .missingSubmessage: "missing_submessage"
        case .unrecognizedMessageType: "unrecognized_message_type"
        case .scattered: "scattered"
        case .unknownMetricType: "unknown_metric_type"
        case .emptyResolution: "empty_resolution"
        case .emptyRetention: "empty_retention"
        case .invalidPrecision: "invalid_precision"
        case .unknownPipelineOpType: "unknown_pipeline_op_type"
        case .unknownTransformationType: "unknown_transformation_type"
        case .unknownDropPolicy: "unknown_drop_policy"
        case .unknownMatcherType: "unknown_matcher_type"
        case .invalidUTF8: "invalid_utf8"
        case .malformedMessage: "malformed_message"
        case .malformedSnappy: "malformed_snappy"
        }
    }

    /// Every reason, so that counters can be made before the first error.
    public static let reasons: [String] = [
        "range_outside_input", "truncated", "malformed_varint", "malformed_tag", "wrong_wire_type", "malformed_packed",
        "limit_exceeded", "missing_submessage", "unrecognized_message_type", "scattered", "unknown_metric_type",
        "empty_resolution", "empty_retention", "invalid_precision", "unknown_pipeline_op_type",
        "unknown_transformation_type", "unknown_drop_policy", "unknown_matcher_type", "invalid_utf8",
        "malformed_message", "malformed_snappy",
    ]
}

extension WireError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .rangeOutsideInput(let offset, let count, let available):
            "range of \(count) bytes at \(offset) lies outside of the \(available) bytes given"
        case .truncated(let message, let offset):
            "\(message) ends in the middle of a field at byte \(offset); send the whole message"
        case .malformedVarint(let message, let offset):
            "\(message) has a malformed varint or length at byte \(offset)"
        case .malformedTag(let message, let offset):
            "\(message) has a malformed field tag at byte \(offset): field numbers are 1 to 536870911"
        case .wrongWireType(let message, let field, let wireType):
            "\(message) has field \(field) with wire type \(wireType), which is not the field's own"
        case .malformedPacked(let field, let count):
            "\(field) is a packed list of \(count) bytes; doubles take 8 bytes each"
        case .limitExceeded(let field, let value, let limit):
            "\(field) is \(value), more than the limit of \(limit); send less"
        case .missingSubmessage(let type):
            "the message of type \(type) lacks the sub-message of that type (field \(Int64(type) + 1))"
        case .unrecognizedMessageType(let type):
            "unrecognized message type \(type): 1 to 7 are known"
        case .scattered:
            "the message repeats a part that is expected once; gather it first"
        case .unknownMetricType(let type):
            "unknown metric type \(type): 0 unknown, 1 counter, 2 timer, 3 gauge"
        case .emptyResolution:
            "empty resolution: a storage policy needs a window and a precision in nanoseconds"
        case .emptyRetention:
            "empty retention: a storage policy needs a period in nanoseconds"
        case .invalidPrecision(let nanos):
            "precision of \(nanos) ns is not one time unit (1 ns, 1 us, 1 ms, 1 s, 1 m, 1 h, 1 d, 1 y)"
        case .unknownPipelineOpType(let type):
            "unknown pipeline op type \(type): 1 transformation, 2 rollup"
        case .unknownTransformationType(let type):
            "unknown transformation type \(type): 1 to 5 are known"
        case .unknownDropPolicy(let policy):
            "unknown drop policy \(policy): 0 none, 1 must, 2 if only match"
        case .unknownMatcherType(let type):
            "unknown matcher type \(type): 0 equal, 1 not equal, 2 matches, 3 does not match"
        case .invalidUTF8(let field):
            "\(field) is not valid UTF-8"
        case .malformedMessage(let message):
            "malformed \(message)"
        case .malformedSnappy(let count):
            "\(count) bytes that are not snappy's block format"
        }
    }
}
