/// Sets of what has been seen in a window of forwarded values: of each shard that sends them, one message of each version
/// counts.
///
/// Rows name a set by its number plus 1. First messages, version 0, are a bitmap over all shards: forwarded messages
/// name the shard they come from, which the placement bounds. Later versions, which are rare, are kept apart.
final class SourceSets {
    /// A sender that publishes a window again at every flush needs fewer versions for any sensible buffer.
    static let maxVersion: UInt32 = 65_535

    let numSources: UInt32
    private let wordsPerSet: Int
    @exclusivity(unchecked) private var words: [UInt64] = []
    private var free: [UInt32] = []
    /// Versions above 0 as bitmaps, by set and source.
    private var versions: [UInt32: [UInt32: [UInt64]]] = [:]

    init(numSources: UInt32) {
        self.numSources = numSources
        wordsPerSet = (Int(numSources) + 63) / 64
    }

    /// Bytes of the bitmaps of first messages.
    var bytes: Int { words.capacity * 8 }

    /// Adds a source to a row's set, making the set when there is none.
    /// - Parameters:
    ///   - source: less than ``numSources``.
    ///   - version: at most ``maxVersion``.
    /// - Returns: false when this version of the source had been there.
    func insert(_ source: UInt32, version: UInt32 = 0, into word: inout UInt64) -> Bool {
        if word == 0 { word = take() }
        if version > 0 { return insert(version, of: source, set: UInt32(word - 1)) }
        let index = Int(word - 1) * wordsPerSet + Int(source) / 64
        let bit: UInt64 = 1 << UInt64(source % 64)
        guard words[index] & bit == 0 else { return false }
        words[index] |= bit
        return true
    }

    private func insert(_ version: UInt32, of source: UInt32, set: UInt32) -> Bool {
        let index = Int(version / 64)
        let bit: UInt64 = 1 << UInt64(version % 64)
        var seen = versions[set]?[source] ?? []
        if index >= seen.count { seen.append(contentsOf: repeatElement(0, count: index - seen.count + 1)) }
        guard seen[index] & bit == 0 else { return false }
        seen[index] |= bit
        versions[set, default: [:]][source] = seen
        return true
    }

    private func take() -> UInt64 {
        if let number = free.popLast() { return UInt64(number) + 1 }
        words.append(contentsOf: repeatElement(0, count: wordsPerSet))
        return UInt64(words.count / wordsPerSet)
    }

    func release(_ word: UInt64) {
        guard word != 0 else { return }
        let number = UInt32(word - 1)
        let start = Int(number) * wordsPerSet
        for index in start..<start + wordsPerSet { words[index] = 0 }
        if !versions.isEmpty { versions[number] = nil }
        free.append(number)
    }
}
