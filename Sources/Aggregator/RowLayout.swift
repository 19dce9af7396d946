import Metrics

/// The first word of a row in a window: how many values it has and which annotation. 0 means that the element has no
/// such window.
///
/// Bits 0–39 count, 40–59 number of the annotation (0 none), 60 there is a window whatever the count, 61 the window may
/// be published again.
enum RowHead {
    static let countMask: UInt64 = 1 << 40 - 1
    static let presentBit: UInt64 = 1 << 60
    static let resendBit: UInt64 = 1 << 61
    /// Not 0 when the figures of the row have been set before.
    static let presenceMask = countMask | presentBit
    static let greatestAnnotation = 1 << 20 - 1
    private static let annotationShift: UInt64 = 40
    private static let annotationMask: UInt64 = UInt64(greatestAnnotation) << annotationShift

    @inline(__always)
    static func annotation(_ head: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (head & annotationMask) >> annotationShift)
    }

    @inline(__always)
    static func setting(annotation: UInt32, in head: UInt64) -> UInt64 {
        head & ~annotationMask | UInt64(annotation) << annotationShift
    }
}

/// Which figure stands in which word of a row: only those are kept that the aggregation types need. 0 means absent,
/// since word 0 is the ``RowHead``.
struct RowLayout: Hashable {
    var sum: UInt8 = 0
    var sumSq: UInt8 = 0
    var min: UInt8 = 0
    var max: UInt8 = 0
    var last: UInt8 = 0
    var lastAt: UInt8 = 0
    /// Number of the timer's quantile state, plus 1.
    var timer: UInt8 = 0
    /// Number of the set of sources that have sent forwarded values, plus 1.
    var sources: UInt8 = 0
    /// Words of a row.
    private(set) var stride: UInt8 = 1

    /// - Parameter keepsValues: whether a timer needs its quantile state whatever its types are.
    init(metricType: MetricType, types: [AggregationType], isForwarded: Bool, keepsValues: Bool = false) {
        func has(_ any: AggregationType...) -> Bool { any.contains(where: types.contains) }
        if has(.sum, .mean, .stdev) { sum = next() }
        if has(.sumSq, .stdev) { sumSq = next() }
        if metricType == .timer {
            if keepsValues || has(.min, .max) || types.contains(where: { $0.quantile != nil }) { timer = next() }
        } else {
            if has(.min) { min = next() }
            if has(.max) { max = next() }
        }
        if has(.last) {
            last = next()
            lastAt = next()
        }
        if isForwarded { sources = next() }
    }

    private mutating func next() -> UInt8 {
        defer { stride += 1 }
        return stride
    }
}
