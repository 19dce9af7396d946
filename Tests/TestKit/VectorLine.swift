import Foundation
import Testing

/// One line of a file of captured vectors: as the argument of a test it makes a test case of its own, whose failures
/// name the file and the line.
public struct VectorLine: Sendable, CustomTestStringConvertible {
    /// Under `Tests/Fixtures/vectors`.
    public let file: String
    /// From 1.
    public let number: Int
    private let text: Data

    public var testDescription: String { "\(file):\(number)" }

    /// Every line of a file, in order. A missing file throws: vectors are never skipped.
    public static func all(_ file: String) throws -> [VectorLine] {
        let url = Fixtures.directory.appendingPathComponent("vectors").appendingPathComponent(file)
        let lines = try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
        return lines.enumerated().map { VectorLine(file: file, number: $0.offset + 1, text: Data($0.element)) }
    }

    /// The line's JSON object. A test that ``Trait/vectors`` marks is counted under the line's name.
    public func object() throws -> [String: Any] {
        CountedCase.count(as: "vector \(testDescription)")
        guard let object = try ExactJSON.object(text) as? [String: Any] else {
            throw Fixtures.Failure.notAnObject(file: file, line: number)
        }
        return object
    }

    /// How many lines of a file are of each kind.
    public static func kinds(_ file: String) throws -> [String: Int] {
        try all(file).reduce(into: [:]) { kinds, line in
            kinds[try line.object()["kind"] as? String ?? "", default: 0] += 1
        }
    }
}
