import Foundation

/// A naive evaluation of rules over raw samples: what the aggregated series must be.
///
/// Written from the definition, without any code of the product: windows [start, end) aligned to the resolution,
/// a value per series and window, stamped with the window's end.
struct Oracle {
    enum Reduction {
        case max, min, sum, count, mean, last

        func callAsFunction(_ points: [Point]) -> Double {
            let values = points.map(\.value).filter { !$0.isNaN }
            switch self {
            case .max: return values.max() ?? .nan
            case .min: return values.min() ?? .nan
            case .sum: return values.reduce(0, +)
            case .count: return Double(points.count)
            case .mean: return points.isEmpty ? 0 : values.reduce(0, +) / Double(points.count)
            case .last:
                // Of equal timestamps the first one stays.
                var best: Point?
                for point in points where best.map({ point.timeMs > $0.timeMs }) ?? true { best = point }
                return best?.value ?? .nan
            }
        }
    }

    let resolutionMs: Int64

    /// Each series by itself: the value of every window that holds a sample.
    func downsample(_ points: [Point], _ reduction: Reduction) -> [Int64: Double] {
        var windows: [Int64: [Point]] = [:]
        for point in points {
            let start = point.timeMs - point.timeMs % resolutionMs
            windows[start + resolutionMs, default: []].append(point)
        }
        return windows.mapValues { reduction($0) }
    }

    /// What a series adds per window: the difference to the window before it that has a value. The first window adds
    /// its whole value and a decrease adds nothing.
    func increase(_ points: [Point]) -> [Int64: Double] {
        let last = downsample(points, .last)
        var previous: Double?
        var out: [Int64: Double] = [:]
        for end in last.keys.sorted() {
            guard let value = last[end], !value.isNaN else {
                previous = nil
                continue
            }
            if let before = previous {
                if value >= before { out[end] = value - before }
            } else {
                out[end] = value
            }
            previous = value
        }
        return out
    }

    /// The sum (or maximum) over the members of a group, per window.
    func combine(_ members: [[Int64: Double]], _ reduction: Reduction) -> [Int64: Double] {
        var windows: [Int64: [Point]] = [:]
        for member in members {
            for (end, value) in member { windows[end, default: []].append(Point(timeMs: end, value: value)) }
        }
        return windows.mapValues { reduction($0) }
    }

    /// The running total over windows in order of time.
    func accumulate(_ windows: [Int64: Double]) -> [Int64: Double] {
        var total = 0.0
        var out: [Int64: Double] = [:]
        for end in windows.keys.sorted() {
            total += windows[end] ?? 0
            out[end] = total
        }
        return out
    }

    /// Series that share the values of these labels.
    static func group(
        _ series: [LabelSet: [Point]], by labels: [String]
    ) -> [LabelSet: [[Point]]] {
        var groups: [LabelSet: [[Point]]] = [:]
        for (set, points) in series {
            groups[set.filter { labels.contains($0.key) }, default: []].append(points)
        }
        return groups
    }
}
