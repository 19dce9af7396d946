/// A row of block characters whose heights follow a series of values.
enum Sparkline {
    private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// - Parameters:
    ///   - values: oldest first; NaN leaves a gap.
    ///   - width: the most characters to draw: of more values, the last ones are drawn.
    static func render(_ values: [Double], width: Int) -> String {
        let shown = values.suffix(max(width, 0))
        let finite = shown.filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max() else { return String(repeating: " ", count: shown.count) }
        return String(
            shown.map { value -> Character in
                guard value.isFinite else { return " " }
                // Dividing first keeps the range finite for values near the largest double.
                let range = high / 2 - low / 2
                guard range > 0 else { return blocks[blocks.count / 2] }
                let share = (value / 2 - low / 2) / range
                return blocks[min(max(Int(share * Double(blocks.count - 1) + 0.5), 0), blocks.count - 1)]
            })
    }
}
