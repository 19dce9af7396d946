import Aggregation
import Foundation
import TestKit
import Testing

@Suite struct CMStreamVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        let lines = try VectorLine.all("quantile.jsonl").map { try $0.object() }
        #expect(lines.count == 416)
        let modes = Set(lines.map { ($0["input"] as? [String: Any])?["mode"] as? String })
        #expect(modes == ["one_batch", "batches_of_10", "flush_between"])
    }

    @Test(.vectors, arguments: try VectorLine.all("quantile.jsonl"))
    func quantilesAreBitForBitM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        #expect(line["kind"] as? String == "quantile")
        let input = try #require(line["input"] as? [String: Any])
        let name = try #require(input["name"] as? String)
        let quantiles = try #require(input["quantiles"] as? [NSNumber]).map(\.doubleValue)
        let values = try values(name, input)
        #expect(values.count == input["n"] as? Int)
        let stream = try CMStream(
            quantiles: quantiles, eps: try #require(input["eps"] as? NSNumber).doubleValue,
            insertAndCompressEvery: try #require(input["insert_and_compress_every"] as? Int))
        feed(stream, values, try #require(input["mode"] as? String))
        let result = try #require(line["result"] as? [String: Any])
        let expected = try #require(result["values"] as? [Any]).map { try #require(Fixtures.double($0)) }
        #expect(expected.count == quantiles.count)
        for (quantile, value) in zip(quantiles, expected) {
            let found = stream.quantile(quantile)
            #expect(isSame(found, value), "\(name) \(quantile): \(found), not \(value)")
        }
        let least = try #require(Fixtures.double(result["min"]))
        let greatest = try #require(Fixtures.double(result["max"]))
        #expect(isSame(stream.min, least) && isSame(stream.max, greatest), "\(name)")
    }

    private func feed(_ stream: CMStream, _ values: [Double], _ mode: String) {
        switch mode {
        case "batches_of_10":
            for start in stride(from: 0, to: values.count, by: 10) {
                stream.addBatch(Array(values[start..<Swift.min(start + 10, values.count)]))
            }
        case "flush_between":
            stream.addBatch(Array(values[..<(values.count / 2)]))
            stream.flush()
            stream.addBatch(Array(values[(values.count / 2)...]))
            stream.flush()
        default:
            stream.addBatch(values)
        }
    }

    private func values(_ name: String, _ input: [String: Any]) throws -> [Double] {
        if let values = input["values"] as? [Any] { return try values.map { try #require(Fixtures.double($0)) } }
        func number(after prefix: String) -> Int? { name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)) : nil }
        if let n = number(after: "asc") { return (0..<n).map(Double.init) }
        if let n = number(after: "desc") { return (1...n).reversed().map(Double.init) }
        if let n = number(after: "same") { return [Double](repeating: n == 10 ? 7 : -3.5, count: n) }
        let isNegative = name.hasPrefix("neg_")
        let parts = name.dropFirst(isNegative ? 4 : 0).split(separator: "_")
        try #require(parts.count >= 4 && parts[0] == "lcg", "unknown generator \(name)")
        var generator = LinearCongruential(state: try #require(UInt32(parts[1].dropFirst(4))))
        let n = try #require(Int(parts[2].dropFirst(1)))
        let modulus = parts[3].hasPrefix("mod") ? try #require(UInt32(parts[3].dropFirst(3))) : nil
        let divisor = parts.count == 5 ? try #require(Double(parts[4].dropFirst(3))) : 1
        return (0..<n).map { _ in
            let x = generator.next()
            let value = Double(modulus.map { x % $0 } ?? x) / divisor
            return isNegative ? -value : value
        }
    }
}
