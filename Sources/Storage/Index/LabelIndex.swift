import Metrics
import RegularExpressions

/// Label name → value → the ids of the series with it. Guarded by the store's state lock.
final class LabelIndex {
    /// One id needs no bitmap: most values of a label such as `instance` stand in few series.
    enum Posting {
        case one(UInt32)
        case many(SeriesBitmap)

        func add(to set: SeriesBitmap) {
            switch self {
            case .one(let id): set.insert(id)
            case .many(let ids): set.formUnion(ids)
            }
        }

        func subtract(from set: SeriesBitmap) {
            switch self {
            case .one(let id): set.remove(id)
            case .many(let ids): set.subtract(ids)
            }
        }

        func intersects(_ set: SeriesBitmap) -> Bool {
            switch self {
            case .one(let id): set.contains(id)
            case .many(let ids): set.intersects(ids)
            }
        }
    }

    /// The values of one name.
    final class Values {
        fileprivate(set) var postings: [IndexKey: Posting] = [:]
    }

    private(set) var names: [IndexKey: Values] = [:]

    func insert(_ id: UInt32, name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let name = IndexKey(name)
        let values: Values
        if let found = names[name] {
            values = found
        } else {
            values = Values()
            names[name] = values
        }
        let value = IndexKey(value)
        switch values.postings[value] {
        case nil: values.postings[value] = .one(id)
        case .one(let other)?:
            if other != id { values.postings[value] = .many(SeriesBitmap([other, id])) }
        case .many(let ids)?: ids.insert(id)
        }
    }

    func remove(_ id: UInt32, name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let name = IndexKey(name)
        let value = IndexKey(value)
        guard let values = names[name] else { return }
        switch values.postings[value] {
        case nil: return
        case .one(let other)?:
            if other == id { values.postings[value] = nil }
        case .many(let ids)?:
            ids.remove(id)
            if ids.isEmpty { values.postings[value] = nil }
        }
        if values.postings.isEmpty { names[name] = nil }
    }

    /// The values of a name and who has them.
    func postings(of name: String) -> [IndexKey: Posting] { names[IndexKey(Array(name.utf8))]?.postings ?? [:] }
}

/// A label name or value as a key of a dictionary: hashed as a whole rather than byte by byte.
struct IndexKey: Hashable {
    let bytes: [UInt8]

    /// Secret, so that labels can't be chosen to collide.
    private static let seed = UInt64.random(in: .min ... .max)

    init(_ bytes: [UInt8]) { self.bytes = bytes }
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = Array(bytes) }

    func hash(into hasher: inout Hasher) { hasher.combine(Wyhash.hash(bytes, seed: Self.seed)) }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension LabelIndex {
    /// Narrows a set of series to those that satisfy all matchers.
    func filter(_ series: SeriesBitmap, _ matchers: [LabelMatcher]) {
        // Conditions that demand a label come first: they leave least for the others.
        for matcher in matchers where !matcher.matchesEmpty && !series.isEmpty {
            series.formIntersection(union(of: matcher, wanted: true))
        }
        // A series without the label satisfies the others: only the wrong values are taken away.
        for matcher in matchers where matcher.matchesEmpty && !series.isEmpty {
            series.subtract(union(of: matcher, wanted: false))
        }
    }

    /// All series whose value of the label satisfies the matcher, or with `wanted` false does not.
    private func union(of matcher: LabelMatcher, wanted: Bool) -> SeriesBitmap {
        let result = SeriesBitmap()
        let values = postings(of: matcher.name)
        if let listed = Self.listedValues(matcher, wanted: wanted) {
            for value in listed { values[IndexKey(value)]?.add(to: result) }
            return result
        }
        var predicate = ValuePredicate(matcher)
        for (value, posting) in values where value.bytes.withUnsafeBytes({ predicate.holds($0) }) == wanted {
            posting.add(to: result)
        }
        return result
    }

    /// The values to look up when they are few and known.
    private static func listedValues(_ matcher: LabelMatcher, wanted: Bool) -> [[UInt8]]? {
        switch (matcher.kind, wanted) {
        case (.equal, true), (.notEqual, false): return [Array(matcher.value.utf8)]
        case (.regex, true), (.notRegex, false): return matcher.pattern?.literals
        default: return nil
        }
    }
}

/// A matcher's condition on the bytes of one value.
struct ValuePredicate {
    private let kind: LabelMatcher.Kind
    private let value: [UInt8]
    private var evaluator: AnchoredRegex.Evaluator?

    init(_ matcher: LabelMatcher) {
        kind = matcher.kind
        value = Array(matcher.value.utf8)
        evaluator = matcher.pattern.map(AnchoredRegex.Evaluator.init)
    }

    mutating func holds(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch kind {
        case .equal: bytes.elementsEqual(value)
        case .notEqual: !bytes.elementsEqual(value)
        case .regex: evaluator?.matches(bytes) ?? false
        case .notRegex: !(evaluator?.matches(bytes) ?? false)
        }
    }
}
