import Foundation
import NodeConfiguration
import TestKit

/// The files of `Tests/Fixtures/configuration`.
enum ConfigurationFixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        let url = Fixtures.directory.appendingPathComponent("configuration").appendingPathComponent(name)
        return [UInt8](try Data(contentsOf: url))
    }

    static func load(_ names: String..., environment: [String: String] = [:]) throws -> LoadedAggregatorConfiguration {
        try AggregatorConfiguration.read(
            names.map { ($0, try bytes($0)) }, environment: environment)
    }
}

func read(_ texts: String..., environment: [String: String] = [:]) throws -> LoadedAggregatorConfiguration {
    try AggregatorConfiguration.read(
        texts.enumerated().map { ("\($0.offset + 1).yml", Array($0.element.utf8)) }, environment: environment)
}

/// What is wrong with texts, which stand for the files `1.yml`, `2.yml` …
func problems(_ texts: String..., environment: [String: String] = [:]) -> [Diagnostic] {
    do {
        _ = try AggregatorConfiguration.read(
            texts.enumerated().map { ("\($0.offset + 1).yml", Array($0.element.utf8)) }, environment: environment)
        return []
    } catch {
        return error.errors
    }
}
