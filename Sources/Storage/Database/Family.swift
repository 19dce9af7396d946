/// What a value of the database is for; each has a column family of its own.
enum Family: Int, CaseIterable, Sendable {
    /// Format version and namespaces.
    case meta
    /// Series id → labels.
    case series
    /// Samples of open blocks as they came.
    case open
    /// Compressed chunks of sealed blocks.
    case chunks
    /// Which series a sealed block holds.
    case blocks

    var name: String {
        switch self {
        case .meta: "default"
        case .series: "series"
        case .open: "open"
        case .chunks: "chunks"
        case .blocks: "blocks"
        }
    }
}
