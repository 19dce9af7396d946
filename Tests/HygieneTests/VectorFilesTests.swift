import Foundation
import Testing

/// The captured vectors as they came: `make vectors` has to run as many cases.
@Suite struct VectorFilesTests {
    /// Lines that are held against what is here.
    static let lines = [
        "aggregated": 14, "aggregated_from_real_aggregator": 63, "aggregation_id": 80, "aggregation_values": 50,
        "coordinator_ingest": 2, "filters": 95, "hash": 134, "m3msg": 12, "policy": 54, "quantile": 416, "tags": 45,
        "transformation": 36, "type_strings": 72, "unaggregated": 116,
    ]
    /// Lines for parts that are not all here.
    static let later = ["drop_policies": 14, "etcd": 21, "placement": 9, "rules": 132]

    @Test func everyFileHasItsLines() throws {
        let folder = Checkout.root.appendingPathComponent("Tests/Fixtures/vectors")
        var found: [String: Int] = [:]
        for url in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        where url.pathExtension == "jsonl" {
            let name = url.deletingPathExtension().lastPathComponent
            found[name] = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").count
        }
        #expect(found == Self.lines.merging(Self.later) { one, _ in one })
        #expect(Self.lines.values.reduce(0, +) == 1_189)
        #expect(found.values.reduce(0, +) == 1_365)
    }

    @Test func theCountsOfTheScriptAreThese() throws {
        let script = try #require(Checkout.file("scripts/run-tests.sh")).text
        #expect(script.contains("\nvector_lines=\(Self.lines.values.reduce(0, +))\n"))
        for name in Self.later.keys { #expect(script.contains(name), "later_files lacks \(name)") }
    }
}
