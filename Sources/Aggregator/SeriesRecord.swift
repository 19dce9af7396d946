/// The fixed part of a series' record; its id's bytes follow in the arena.
struct SeriesRecord {
    /// When the series was last written, as the worker's clock had it.
    var lastAccess: Int64
    /// The cutover of the stage that the elements were made for.
    var cutover: Int64
    /// The interned metadata that the series was last seen with; 0 before that.
    var metadata: UInt32
    /// The stage of that metadata that the elements stand for, or ``unsettled``.
    var stage: UInt16
    /// Category and metric type: part of the key.
    var kind: SeriesKind
    var isDefault: Bool
    /// The only element, or when there are several the arena reference of their list.
    var elements: ElementRef
    var elementCount: UInt16
    var idCount: UInt16
    /// Elements that name this record, tombstoned ones too, and one more while it is in the table.
    var holders: UInt32

    static let unsettled = UInt16.max

    /// Where the id begins.
    static let idOffset = MemoryLayout<SeriesRecord>.size

    /// Where ``elements`` stands, for a list of one in place.
    static let elementsOffset = MemoryLayout<SeriesRecord>.offset(of: \.elements) ?? 24

    static func units(idCount: Int) -> Int { SeriesArena.units(bytes: idOffset + idCount) }
}

/// Which column, and which row of it.
struct ElementRef: Equatable {
    var column: UInt32
    var element: UInt32
}

/// The part of a series' key besides the id: the same id may live once in each.
struct SeriesKind: Equatable {
    var rawValue: UInt8

    init(_ category: Category, _ metricType: MetricTypeNumber) {
        rawValue = category.rawValue << 4 | metricType
    }

    enum Category: UInt8 {
        case untimed = 0
        case forwarded = 1
        case timed = 2
    }

    var metricType: MetricTypeNumber { rawValue & 15 }
    var category: Category { Category(rawValue: rawValue >> 4) ?? .untimed }
}

typealias MetricTypeNumber = UInt8
