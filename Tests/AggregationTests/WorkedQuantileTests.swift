import Aggregation
import TestKit
import Testing

/// M3's quantile stream by worked examples, at eps 0.001 and on fresh streams.
@Suite struct WorkedQuantileTests {
    /// NUMBER INPUTS COUNTS TARGETS = QUANTILES ["kept" SAMPLES]
    ///
    /// Inputs: `seq` is 1…n, `rev` n…1, `perm` i·7919 mod 10007 for i from 0 to n − 1, or the values themselves. Targets
    /// 0 and 1 are the least and the greatest value; a quantile `_` is not looked at.
    private static let table = """
        1  seq     4      0.5,0.95,0.99,0,1 = 2 4 4 1 4
        2  seq     5      0.5,0.95,0.99,0,1 = 3 5 5 1 5
        3  seq     20     0.5,0.95,0.99,0,1 = 10 19 20 1 20
        4  seq     21     0.5,0.95,0.99,0,1 = 11 20 21 1 21
        5  seq     50     0.5,0.95,0.99,0,1 = 25 48 50 1 50
        6  seq     101    0.5,0.95,0.99,0,1 = 51 96 100 1 101
        7  seq     200    0.5,0.95,0.99,0,1 = 100 190 198 1 200
        8  seq     499    0.5,0.95,0.99,0,1 = 251 476 496 1 499
        9  seq     500    0.5,0.95,0.99,0,1 = 251 476 496 1 500
        10 seq     999    0.5,0.95,0.99,0,1 = 500 950 990 1 999
        11 seq,rev 1000   0.5,0.95,0.99,0,1 = 500 951 991 1 1000 kept 430
        12 perm    1000   0.5,0.95,0.99,0,1 = 5003 9516 9910 0 9997 kept 430
        13 seq     1024   0.5,0.95,0.99,0,1 = 512 973 1015 1 1024
        14 seq     1025   0.5,0.95,0.99,0,1 = 513 974 1016 1 1025
        15 seq     1026   0.5,0.95,0.99,0,1 = 514 975 1017 1 1026
        16 seq     2000   0.5,0.95,0.99,0,1 = 1001 1899 1979 1 2000
        17 seq     5000   0.5,0.95,0.99,0,1 = 2502 4749 4949 1 5000 kept 466
        18 rev     5000   0.5,0.95,0.99,0,1 = 2497 4751 4951 1 5000 kept 455
        19 perm    5000   0.5,0.95,0.99,0,1 = 5003 9506 9910 0 10006 kept 453
        20 seq     10007  0.5,0.95,0.99,0,1 = 5011 9506 9906 1 10007 kept 490
        21 rev     10007  0.5,0.95,0.99,0,1 = 5010 9511 9908 1 10007 kept 452
        22 perm    10007  0.5,0.95,0.99,0,1 = 5003 9506 9910 0 10006 kept 448
        23 seq     50000  0.5,0.95,0.99,0,1 = 25031 47548 49499 1 50000 kept 556
        24 rev     50000  0.5,0.95,0.99,0,1 = 24969 47507 49504 1 50000 kept 437
        25 perm    50000  0.5,0.95,0.99,0,1 = 5003 9506 9910 0 10006 kept 444
        26 seq     100000 0.5,0.95,0.99,0,1 = 50076 95041 98930 1 100000
        27 perm    1000   0.1,0.5,0.9,0.95,0.99,0.999,0.9999 = 1010 5003 9006 9506 9901 9997 0 kept 468
        28 perm    5000   0.1,0.5,0.9,0.95,0.99,0.999,0.9999 = 1010 5003 9015 9506 9910 10005 0 kept 494
        29 perm    10007  0.1,0.5,0.9,0.95,0.99,0.999,0.9999 = _ _ _ _ _ 10005 10006 kept 488
        30 perm    50000  0.1,0.5,0.9,0.95,0.99,0.999,0.9999 = _ _ _ _ _ 10006 10006 kept 485
        31 seq     499    0.999,0.9999 = 499 499
        32 seq     500,501,750,999 0.999,0.9999 = 0 0
        33 seq     1000   0.999,0.9999 = 1000 0
        34 seq     5000   0.999,0.9999 = 4999 0
        35 seq     9999   0.999,0.9999 = 9998 0
        36 seq     10000  0.999,0.9999 = 9999 10000
        37 seq     20000  0.999,0.9999 = 19999 20000
        38 seq     499    0.999 = 499
        39 seq     500,501,750,999 0.999 = 0
        40 seq     1000   0.999 = 1000
        41 seq     1001   0.999 = 1001
        42 seq     2000   0.999 = 1999
        43 seq     100    0.5,0.1,0.2,0.3,0.4,0.6,0.7,0.8,0.9,0.95,0.99,0.999,0.9999,0.25,0.75 = 50 50 50 50 50 60 70 80 90 95 99 100 100 50 80
        44 nan:1:2:3:4:5 6      0.5,0.95,0.99,0,1 = nan nan nan nan nan
        45 1:2:nan:3:4:5 6      0.5,0.95,0.99,0,1 = 3 3 3 1 3
        46 3:1:nan:2:5:4 6      0.5,0.95,0.99,0,1 = 3 5 5 1 5
        """

    struct Example: Sendable, CustomTestStringConvertible {
        struct Failure: Error {
            let line: String
        }

        var number: String
        var inputs: [String]
        var counts: [Int]
        var targets: [Double]
        /// nil where any will do.
        var quantiles: [Double?]
        var samples: Int?

        var testDescription: String { "17.\(number)" }

        init(_ line: Substring) throws {
            let words = line.split(separator: " ")
            guard words.count > 5, words[4] == "=" else { throw Failure(line: String(line)) }
            number = String(words[0])
            inputs = words[1].split(separator: ",").map(String.init)
            counts = words[2].split(separator: ",").compactMap { Int($0) }
            targets = words[3].split(separator: ",").compactMap { Double($0) }
            let answers = words[5...].prefix { $0 != "kept" }
            quantiles = answers.map { Double($0) }
            samples = words.last.flatMap { words.dropLast().last == "kept" ? Int($0) : nil }
            guard quantiles.count == targets.count, !counts.isEmpty else { throw Failure(line: String(line)) }
        }

        static func all(_ table: String) throws -> [Example] {
            try table.split(separator: "\n").map { try Example($0) }
        }
    }

    private func values(_ input: String, _ n: Int) throws -> [Double] {
        switch input {
        case "seq": (1...n).map(Double.init)
        case "rev": (1...n).reversed().map(Double.init)
        case "perm": (0..<n).map { Double($0 * 7_919 % 10_007) }
        default: try input.split(separator: ":").map { try #require(Double($0)) }
        }
    }

    @Test(.examples, arguments: try Example.all(Self.table))
    func example17(_ example: Example) throws {
        CountedCase.count(as: "example \(example.testDescription)")
        for input in example.inputs {
            for n in example.counts {
                let values = try values(input, n)
                try #require(values.count == n)
                // In one batch, in batches, value by value: where a NaN stands in a batch matters, though.
                for size in values.contains(where: \.isNaN) ? [n] : [n, 140, 1] {
                    let stream = try CMStream(quantiles: example.targets.filter { $0 > 0 && $0 < 1 }, eps: 1e-3)
                    for start in stride(from: 0, to: n, by: size) {
                        stream.addBatch(Array(values[start..<min(start + size, n)]))
                    }
                    stream.flush()
                    for (target, expected) in zip(example.targets, example.quantiles) {
                        guard let expected else { continue }
                        let found = stream.quantile(target)
                        #expect(isSame(found, expected), "\(input) \(n) by \(size), \(target): \(found)")
                    }
                    if let samples = example.samples {
                        #expect(stream.sampleCount == samples, "\(input) \(n) by \(size)")
                    }
                }
            }
        }
    }
}
