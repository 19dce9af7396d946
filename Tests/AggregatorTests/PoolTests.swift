import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

/// The small tables that windows draw on.
@Suite struct PoolTests {
    private func number(_ table: AnnotationTable, _ text: String) -> UInt32? {
        Array(text.utf8).withUnsafeBytes { table.number(of: $0) }
    }

    @Test func annotationsHaveNumbersUpToTheLimit() throws {
        let table = AnnotationTable(maxCount: 500, seed: 1)
        let numbers = (0..<500).map { number(table, "annotation \($0)") }
        #expect(Set(numbers).count == 500 && !numbers.contains(nil) && !numbers.contains(0))
        #expect(number(table, "annotation 500") == nil)
        for (index, number) in numbers.enumerated() {
            #expect(self.number(table, "annotation \(index)") == number)
            #expect(table.bytes(try #require(number)) == Array("annotation \(index)".utf8))
        }
        #expect(table.needsSweep)
    }

    @Test func aSweepForgetsWhatNobodyNames() throws {
        let table = AnnotationTable(maxCount: 500, seed: 1)
        for index in 0..<500 { _ = number(table, "\(index)") }
        let kept = try #require(number(table, "77"))
        table.sweep { $0[Int(kept)] = true }
        #expect(table.count == 1)
        #expect(number(table, "77") == kept)
        for index in 0..<499 { #expect(number(table, "new \(index)") != nil) }
        #expect(number(table, "one more") == nil)
    }

    @Test func aSourceCountsOnceInEachSet() {
        let sets = SourceSets(numSources: 130)
        var first: UInt64 = 0
        var second: UInt64 = 0
        for source in [0, 63, 64, 129] as [UInt32] {
            #expect(sets.insert(source, into: &first))
            #expect(!sets.insert(source, into: &first))
            #expect(sets.insert(source, into: &second))
        }
        #expect(first != second)
        sets.release(first)
        var third: UInt64 = 0
        #expect(sets.insert(64, into: &third))
        #expect(third == first)
        #expect(!sets.insert(64, into: &second))
    }

    @Test func forwardMetadataComesApartFromItsSource() throws {
        func encode(_ source: UInt32) -> [UInt8] {
            MetadataCodec.encode(
                ForwardMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicy: Script.defaultPolicy,
                    pipeline: AppliedPipeline([.transformation(.add)]), sourceID: source, numForwardedTimes: 1))
        }
        var split = ForwardMetadataSource()
        var rests: Set<[UInt8]> = []
        for source in [0, 1, 127, 128, 1_023, .max] as [UInt32] {
            encode(source).withUnsafeBytes {
                let parts = split.split($0)
                #expect(parts.source == source)
                rests.insert([UInt8](parts.rest))
            }
        }
        #expect(rests == [encode(0)])
        // Malformed metadata comes back whole, cut at any byte.
        let whole = encode(300)
        for count in 0..<whole.count {
            whole[..<count].withUnsafeBytes { #expect(split.split($0).rest.count <= count) }
        }
        ([0xff, 0xff] as [UInt8]).withUnsafeBytes { #expect(split.split($0).rest.count == 2) }
    }
}
