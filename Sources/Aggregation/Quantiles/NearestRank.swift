/// Which of n sorted values is a quantile: M3's choice in the region where M3 is exact.
enum NearestRank {
    /// The index, counted from 0, of a quantile among sorted values.
    /// - Parameters:
    ///   - quantile: in 0...1.
    ///   - count: more than 0.
    @inline(__always) static func index(of quantile: Double, count: Int) -> Int {
        let position = quantile * Double(count)
        // Up to three values M3 takes the truncated index, not the nearest rank.
        let index = count <= 3 ? Int(position) : Int(position.rounded(.up)) - 1
        return Swift.min(Swift.max(index, 0), count - 1)
    }
}
