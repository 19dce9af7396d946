import Foundation

/// The captured vectors that are committed beside the tests.
public enum Fixtures {
    /// `Tests/Fixtures`, found from this file so that any checkout works.
    public static let directory = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

    public enum Failure: Error, CustomStringConvertible {
        case notAnObject(file: String, line: Int)
        case gzip(file: String, status: Int32)

        public var description: String {
            switch self {
            case .notAnObject(let file, let line): "\(file):\(line) is not a JSON object"
            case .gzip(let file, let status): "gzip -dc \(file) ended with status \(status)"
            }
        }
    }

    /// Every line of `vectors/NAME` as a JSON object, in order. A missing file throws: vectors are never skipped.
    /// A name that ends with `.gz` is decompressed.
    public static func vectors(_ name: String) throws -> [[String: Any]] {
        let url = directory.appendingPathComponent("vectors").appendingPathComponent(name)
        let data = name.hasSuffix(".gz") ? try gunzip(url) : try Data(contentsOf: url)
        var objects: [[String: Any]] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let object = try ExactJSON.object(line) as? [String: Any] else {
                throw Failure.notAnObject(file: name, line: index + 1)
            }
            objects.append(object)
        }
        return objects
    }

    private static func gunzip(_ url: URL) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", url.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure.gzip(file: url.path, status: process.terminationStatus)
        }
        return data
    }

    /// The bytes of a string of hex digits; nil when it is none.
    public static func bytes(hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for i in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[i...i + 1], as: UTF8.self), radix: 16) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// A float of the vectors: a JSON number, or one of the strings NaN, +Inf, -Inf, -0.
    public static func double(_ value: Any?) -> Double? {
        switch value {
        case let number as NSNumber: number.doubleValue
        case "NaN" as String: .nan
        case "+Inf" as String: .infinity
        case "-Inf" as String: -.infinity
        case "-0" as String: -0.0
        case let text as String: Double(text)
        default: nil
        }
    }
}

extension Array where Element == UInt8 {
    /// Lower-case hex digits.
    public var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        out.reserveCapacity(count * 2)
        for byte in self {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}
