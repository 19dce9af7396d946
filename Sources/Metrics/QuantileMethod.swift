/// How the quantiles of a timer are worked out where its metadata says so; elsewhere the aggregator's options decide.
/// Raw values are those of the wire, in a field that M3 skips.
public enum QuantileMethod: UInt8, Sendable, Hashable, CaseIterable {
    /// Exact for few values, then a sketch of 0.5 % relative error, which goes along to rollups.
    case ddsketch = 1
    /// M3's stream of samples.
    case m3 = 2

    /// The name in rules.
    public var name: String {
        switch self {
        case .ddsketch: "ddsketch"
        case .m3: "m3"
        }
    }

    /// nil for a name that is no method's; the spelling has to be exact.
    public init?(name: String) {
        guard let method = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = method
    }
}
