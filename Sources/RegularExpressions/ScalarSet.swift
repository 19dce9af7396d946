/// A set of Unicode scalar values as sorted, disjoint ranges.
struct ScalarSet: Equatable {
    private(set) var ranges: [ClosedRange<UInt32>] = []

    static let maximum: UInt32 = 0x10FFFF
    static let any = ScalarSet(0...maximum)
    static let digit = ScalarSet(0x30...0x39)
    static let space = ScalarSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])

    init() {}
    init(_ range: ClosedRange<UInt32>) { ranges = [range] }
    init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = Self.normalised(ranges) }

    /// The only member, if there is exactly one.
    var single: UInt32? {
        guard ranges.count == 1, ranges[0].lowerBound == ranges[0].upperBound else { return nil }
        return ranges[0].lowerBound
    }

    mutating func formUnion(_ other: ScalarSet) { ranges = Self.normalised(ranges + other.ranges) }

    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            if range.upperBound >= Self.maximum { return ScalarSet(gaps) }
            next = range.upperBound + 1
        }
        gaps.append(next...Self.maximum)
        return ScalarSet(gaps)
    }

    /// With the other cases of every letter. Ranges of thousands of scalars hold both cases already and are kept.
    var caseFolded: ScalarSet {
        var folded = ranges
        for range in ranges where range.upperBound - range.lowerBound < 4_096 {
            for value in range { folded += Self.otherCases(value).map { $0...$0 } }
        }
        return ScalarSet(folded)
    }

    private static func otherCases(_ value: UInt32) -> [UInt32] {
        guard let scalar = Unicode.Scalar(value) else { return [] }
        // The Kelvin sign and the long s fold to ASCII letters, but no mapping leads back to them.
        switch value {
        case 0x4B, 0x6B: return [0x4B, 0x6B, 0x212A]
        case 0x53, 0x73: return [0x53, 0x73, 0x017F]
        default: break
        }
        let mappings = [
            scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping,
            scalar.properties.titlecaseMapping,
        ]
        return mappings.compactMap { $0.unicodeScalars.count == 1 ? $0.unicodeScalars.first?.value : nil }
    }

    private static func normalised(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound || range.lowerBound == last.upperBound + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}

extension ScalarSet {
    /// `[:alpha:]` and its like, which are ASCII as in RE2.
    static func posix(_ name: String) -> ScalarSet? {
        switch name {
        case "alnum": ScalarSet([0x30...0x39, 0x41...0x5A, 0x61...0x7A])
        case "alpha": ScalarSet([0x41...0x5A, 0x61...0x7A])
        case "ascii": ScalarSet(0...0x7F)
        case "blank": ScalarSet([0x09...0x09, 0x20...0x20])
        case "cntrl": ScalarSet([0...0x1F, 0x7F...0x7F])
        case "digit": digit
        case "graph": ScalarSet(0x21...0x7E)
        case "lower": ScalarSet(0x61...0x7A)
        case "print": ScalarSet(0x20...0x7E)
        case "punct": ScalarSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E])
        case "space": ScalarSet([0x09...0x0D, 0x20...0x20])
        case "upper": ScalarSet(0x41...0x5A)
        case "word": word
        case "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
        default: nil
        }
    }

    /// A general category such as `L` or `Lu`; nil when there is none of that name.
    static func generalCategory(_ name: String) -> ScalarSet? {
        if name == "Any" { return any }
        let wanted = Set(abbreviations.filter { $0.value.hasPrefix(name) }.keys)
        guard !name.isEmpty, !wanted.isEmpty else { return nil }
        var ranges: [ClosedRange<UInt32>] = []
        for part in assigned {
            var start: UInt32?
            for value in part {
                let isMember = Unicode.Scalar(value).map { wanted.contains($0.properties.generalCategory) }
                if isMember ?? false {
                    if start == nil { start = value }
                } else if let first = start {
                    ranges.append(first...(value - 1))
                    start = nil
                }
            }
            if let start { ranges.append(start...part.upperBound) }
        }
        if wanted.contains(.privateUse) { ranges += [0xF0000...0xFFFFD, 0x100000...0x10FFFD] }
        return ScalarSet(ranges)
    }

    /// Where scalars have a category of their own: the planes between hold none, the last two only private ones.
    private static let assigned: [ClosedRange<UInt32>] = [0...0x3FFFF, 0xE0000...0xE0FFF]

    private static let abbreviations: [Unicode.GeneralCategory: String] = [
        .uppercaseLetter: "Lu", .lowercaseLetter: "Ll", .titlecaseLetter: "Lt", .modifierLetter: "Lm",
        .otherLetter: "Lo", .nonspacingMark: "Mn", .spacingMark: "Mc", .enclosingMark: "Me",
        .decimalNumber: "Nd", .letterNumber: "Nl", .otherNumber: "No", .connectorPunctuation: "Pc",
        .dashPunctuation: "Pd", .openPunctuation: "Ps", .closePunctuation: "Pe", .initialPunctuation: "Pi",
        .finalPunctuation: "Pf", .otherPunctuation: "Po", .mathSymbol: "Sm", .currencySymbol: "Sc",
        .modifierSymbol: "Sk", .otherSymbol: "So", .spaceSeparator: "Zs", .lineSeparator: "Zl",
        .paragraphSeparator: "Zp", .control: "Cc", .format: "Cf", .surrogate: "Cs", .privateUse: "Co",
    ]
}
