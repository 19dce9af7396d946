import Foundation

/// What the real aggregator of the recorded run published, to be compared as a set with what comes of the same input
/// here: id, time, policy and value. When something was published makes no difference.
public struct RecordedOutputs {
    public struct Output: Hashable, Sendable {
        public var id: [UInt8]
        public var timeNanos: Int64
        public var policy: String
        public var value: Double

        public init(id: [UInt8], timeNanos: Int64, policy: String, value: Double) {
            self.id = id
            self.timeNanos = timeNanos
            self.policy = policy
            self.value = value
        }
    }

    private struct Key: Hashable {
        var id: [UInt8]
        var timeNanos: Int64
        var policy: String

        var text: String { "\(String(decoding: id, as: UTF8.self)) @\(timeNanos) \(policy)" }
    }

    public let outputs: [Output]
    /// The end of the last recorded window; there the recording stopped, but not the input.
    public let lastNanos: Int64

    public init() throws {
        outputs = try Fixtures.vectors("streams/prometheus-aggregated.jsonl.gz").map { line in
            guard let hex = line["hex"] as? String, let payload = Fixtures.bytes(hex: hex),
                let id = Self.id(in: payload), let time = line["time_nanos"] as? NSNumber,
                let policy = line["policy"] as? String, let value = Fixtures.double(line["value"])
            else { throw Fixtures.Failure.notAnObject(file: "prometheus-aggregated.jsonl.gz", line: 0) }
            return Output(id: id, timeNanos: time.int64Value, policy: policy, value: value)
        }
        lastNanos = outputs.map(\.timeNanos).max() ?? 0
    }

    /// The id of an AggregatedMetric: field 2 of field 1 of field 1, all of whose lengths take up to two bytes here.
    private static func id(in payload: [UInt8]) -> [UInt8]? {
        var rest = payload[...]
        for key in [0x0a, 0x0a, 0x12] as [UInt8] {
            guard rest.popFirst() == key, let low = rest.popFirst() else { return nil }
            var count = Int(low & 0x7f)
            if low & 0x80 != 0 { count |= Int(rest.popFirst() ?? 0) << 7 }
            guard rest.count >= count else { return nil }
            rest = rest.prefix(count)
        }
        return Array(rest)
    }

    /// What is missing, what is too much and what has another value; empty when the sets are the same.
    ///
    /// Elements of one series may publish the same output under one id: an output has to come as often as it was
    /// recorded. Values are the same bit for bit.
    /// - Parameter addsInAnyOrder: whether values of a rollup reach it in an order that is not the recording's. Sums of
    ///   fractions depend on it, and are compared with a relative tolerance of 1e-12.
    public func differences(from found: [Output], addsInAnyOrder: Bool) -> [String] {
        let theirs = values(of: outputs)
        let ours = values(of: found.filter { $0.timeNanos <= lastNanos })
        var differences: [String] = []
        for (key, values) in theirs {
            guard let own = ours[key] else {
                differences.append("missing: \(key.text) = \(values)")
                continue
            }
            let isFree = addsInAnyOrder && key.text.contains("__rollup__")
            func isSame(_ own: Double, _ value: Double) -> Bool {
                if own.bitPattern == value.bitPattern { return true }
                return isFree && value != value.rounded() && (own - value).magnitude <= value.magnitude * 1e-12
            }
            if own.count != values.count || !zip(own, values).allSatisfy(isSame) {
                differences.append("\(key.text) = \(own), recorded \(values)")
            }
        }
        for (key, values) in ours where theirs[key] == nil { differences.append("surplus: \(key.text) = \(values)") }
        return differences.sorted()
    }

    private func values(of outputs: [Output]) -> [Key: [Double]] {
        var values: [Key: [Double]] = [:]
        for output in outputs {
            values[Key(id: output.id, timeNanos: output.timeNanos, policy: output.policy), default: []]
                .append(output.value)
        }
        return values.mapValues { $0.sorted() }
    }
}
