/// The name that somebody probably meant.
enum NearestName {
    /// The candidate with the fewest edits from the word (letter case costs nothing), if it is near enough.
    static func of(_ word: String, among candidates: [String]) -> String? {
        let word = Array(word.lowercased().unicodeScalars.prefix(64))
        let scored = candidates.map { ($0, distance(word, Array($0.lowercased().unicodeScalars))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(1, best.0.count / 3) else { return nil }
        return best.0
    }

    /// Edits of one character, and swaps of two neighbours.
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var before = [Int](repeating: 0, count: b.count + 1)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var next = row
            next[0] = i + 1
            for (j, y) in b.enumerated() {
                next[j + 1] = x == y ? row[j] : min(row[j], row[j + 1], next[j]) + 1
                if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { next[j + 1] = min(next[j + 1], before[j - 1] + 1) }
            }
            before = row
            row = next
        }
        return row[b.count]
    }
}
