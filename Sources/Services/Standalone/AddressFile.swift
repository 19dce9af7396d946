import FoundationEssentials

/// `DATA_DIR/addresses.json`: where a running standalone listens, for tools that were started with it on port 0.
public struct AddressFile: Codable, Sendable, Equatable {
    /// `HOST:PORT` of the HTTP API.
    public var http: String
    /// `HOST:PORT` of the aggregator's m3msg server.
    public var ingest: String
    /// `HOST:PORT` of the coordinator's m3msg server.
    public var aggregated: String
    /// The process that listens.
    public var pid: Int32

    public static let name = "addresses.json"

    /// Replaces the file in one step, so that no reader sees half of it.
    public func write(to directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(filePath: "\(directory)/\(Self.name)"), options: .atomic)
    }

    public static func read(from directory: String) throws -> AddressFile {
        try JSONDecoder().decode(
            AddressFile.self, from: Data(contentsOf: URL(filePath: "\(directory)/\(Self.name)")))
    }
}
