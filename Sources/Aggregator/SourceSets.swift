/// Sets of the shards that have sent forwarded values to a window; one of each shard counts.
///
/// Rows name a set by its number plus 1. A set is a bitmap over all shards: forwarded messages name the shard they
/// come from, which the placement bounds.
final class SourceSets {
    let numSources: UInt32
    private let wordsPerSet: Int
    @exclusivity(unchecked) private var words: [UInt64] = []
    private var free: [UInt32] = []

    init(numSources: UInt32) {
        self.numSources = numSources
        wordsPerSet = (Int(numSources) + 63) / 64
    }

    var bytes: Int { words.capacity * 8 }

    /// Adds a source to a row's set, making the set when there is none.
    /// - Parameter source: less than ``numSources``.
    /// - Returns: false when the source had been there.
    func insert(_ source: UInt32, into word: inout UInt64) -> Bool {
        if word == 0 { word = take() }
        let index = Int(word - 1) * wordsPerSet + Int(source) / 64
        let bit: UInt64 = 1 << UInt64(source % 64)
        guard words[index] & bit == 0 else { return false }
        words[index] |= bit
        return true
    }

    private func take() -> UInt64 {
        if let number = free.popLast() { return UInt64(number) + 1 }
        words.append(contentsOf: repeatElement(0, count: wordsPerSet))
        return UInt64(words.count / wordsPerSet)
    }

    func release(_ word: UInt64) {
        guard word != 0 else { return }
        let start = Int(word - 1) * wordsPerSet
        for index in start..<start + wordsPerSet { words[index] = 0 }
        free.append(UInt32(word - 1))
    }
}
