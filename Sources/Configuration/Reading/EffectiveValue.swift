/// One value that is in force, with its path and where it comes from.
public struct EffectiveValue: Sendable, Equatable {
    public enum Step: Sendable, Equatable {
        case key(String)
        case index(Int)
    }

    public enum Literal: Sendable, Equatable {
        case null
        case bool(Bool)
        /// As it is written, such as `65536` or `0.001`.
        case number(String)
        case text(String)
        case emptyList
    }

    public var path: [Step]
    public var literal: Literal
    public var origin: ValueOrigin

    /// `aggregator.flush.handlers[0].dynamicBackend.name`.
    public var field: String { Self.field(path) }

    static func field(_ path: [Step]) -> String {
        var text = ""
        for step in path {
            switch step {
            case .key(let key): text += text.isEmpty ? key : "." + key
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
