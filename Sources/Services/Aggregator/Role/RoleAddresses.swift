import FoundationEssentials

/// Where an aggregator listens, for those who started it on port 0. Each is `HOST:PORT`.
public struct RoleAddresses: Codable, Sendable, Equatable {
    public var m3msg: String?
    public var rawtcp: String?
    public var http: String
    /// A server of metrics only.
    public var metrics: String?
    public var pid: Int32

    /// Replaces the file in one step, so that no reader sees half of it.
    public func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(filePath: path), options: .atomic)
    }
}
