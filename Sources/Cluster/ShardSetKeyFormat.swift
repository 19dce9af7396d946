/// A key with the place for a shard set's id, as M3's configuration writes it: `shardset/%d/lock`.
///
/// The text is used literally; all members of a shard set must have the same, and a slash in front makes it another key.
public struct ShardSetKeyFormat: Sendable, Hashable, CustomStringConvertible {
    private let before: String
    private let after: String

    /// M3's shipped format of the election's id.
    public static let election = ShardSetKeyFormat(before: "shardset/", after: "/lock")
    /// M3's shipped format of the flush times' key.
    public static let flushTimes = ShardSetKeyFormat(before: "shardset/", after: "/flush")

    private init(before: String, after: String) {
        self.before = before
        self.after = after
    }

    /// Throws `invalidName` unless the text holds `%d` exactly once and no other `%`.
    public init(parsing text: String) throws(ClusterError) {
        let parts = text.split(separator: "%", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = parts.first, let last = parts.last, last.first == "d" else {
            throw .invalidName(
                field: "key format", name: text,
                reason: "write %d once, where the shard set's id goes: shardset/%d/lock")
        }
        self.init(before: String(first), after: String(last.dropFirst()))
    }

    public func key(shardSetID: UInt32) -> String { "\(before)\(shardSetID)\(after)" }

    public var description: String { "\(before)%d\(after)" }
}
