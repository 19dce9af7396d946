/// One mapping of the configuration while it is read: what is asked for is known, everything else is a mistake.
///
/// Every reader gives a usable value, also where what stands there is wrong: reading goes on, so that all errors of all
/// files are found at once. Source: `docs/configuration.md`.
final class Section {
    let reader: Reader
    let path: [EffectiveValue.Step]
    /// Nil when the section is absent.
    let node: ConfigNode?
    private var known: [String] = []
    private var keptSections: [String: Section] = [:]

    init(reader: Reader, path: [EffectiveValue.Step], node: ConfigNode?) {
        self.reader = reader
        self.path = path
        self.node = node
    }

    var isPresent: Bool { node != nil }
    var origin: ValueOrigin { node?.origin ?? .standard }
    var field: String { node?.writtenPath ?? EffectiveValue.field(path) }

    // MARK: Keys

    /// Whether a key has a value. Asking makes it known.
    func has(_ key: String) -> Bool { child(key) != nil }

    func child(_ key: String) -> ConfigNode? {
        if !known.contains(key) { known.append(key) }
        return node?[key]
    }

    func field(_ key: String) -> String {
        node?[key]?.writtenPath ?? (field.isEmpty ? key : field + "." + key)
    }

    func record(_ key: String, _ literal: EffectiveValue.Literal, _ origin: ValueOrigin) {
        reader.record(path + [.key(key)], literal, origin)
    }

    func fail(
        _ key: String, _ problem: String, _ remedy: String, severity: Diagnostic.Severity = .error
    ) {
        let node = node?[key]
        var value: String?
        if case .scalar(let text) = node?.content { value = text }
        reader.report(
            Reader.diagnostic(
                severity, node?.origin ?? origin, field: field(key), value: value, problem, remedy))
    }

    // MARK: Sections in it

    /// A section that is read in several steps; unknown keys of it are reported with those of this section.
    func kept(_ key: String) -> Section {
        if let section = keptSections[key] { return section }
        let section = Section(reader: reader, path: path + [.key(key)], node: mapping(child(key), key))
        keptSections[key] = section
        return section
    }

    /// Reads a section; an absent one is read, too, and gives defaults.
    func section<Result>(_ key: String, _ body: (Section) -> Result) -> Result {
        let inner = Section(reader: reader, path: path + [.key(key)], node: mapping(child(key), key))
        let result = body(inner)
        inner.reportUnknownKeys()
        return result
    }

    /// Reads a section that means something by being there.
    func optional<Result>(_ key: String, _ body: (Section) -> Result) -> Result? {
        guard mapping(child(key), key) != nil else {
            record(key, .null, origin(of: key))
            return nil
        }
        return section(key, body)
    }

    /// Reads a list of sections; nil when it is absent.
    func sections<Result>(_ key: String, _ body: (Section) -> Result?) -> [Result]? {
        guard let node = child(key) else { return nil }
        guard case .sequence(let items) = node.content else {
            fail(key, "a list is expected, not \(node.kind)", "write '- ' before each entry")
            return nil
        }
        guard items.count <= Self.maxListEntries else {
            fail(key, "\(items.count) entries are too many", "write at most \(Self.maxListEntries)")
            return nil
        }
        if items.isEmpty { record(key, .emptyList, node.origin) }
        return items.enumerated().compactMap { index, item in
            let place = path + [.key(key), .index(index)]
            guard case .mapping = item.content else {
                reader.report(
                    Reader.diagnostic(
                        .error, item.origin, field: EffectiveValue.field(place), value: nil,
                        "a mapping is expected, not \(item.kind)", "write 'name: value' lines"))
                return nil
            }
            let inner = Section(reader: reader, path: place, node: item)
            let result = body(inner)
            inner.reportUnknownKeys()
            return result
        }
    }

    static let maxListEntries = 10_000

    private func mapping(_ node: ConfigNode?, _ key: String) -> ConfigNode? {
        guard let node else { return nil }
        if case .mapping = node.content { return node }
        fail(key, "a mapping is expected, not \(node.kind)", "write 'name: value' lines below it")
        return nil
    }

    private func origin(of key: String) -> ValueOrigin {
        guard case .mapping(let entries) = node?.content, let entry = entries.first(where: { $0.key == key }) else {
            return .standard
        }
        return entry.node.origin
    }

    // MARK: Keys without meaning

    /// Takes a key that has no meaning here, whatever stands below it.
    func ignore(_ keys: String..., because reason: String) {
        for key in keys where child(key) != nil {
            fail(key, "has no effect: \(reason)", "", severity: .ignored)
        }
    }

    /// Takes a pool of objects.
    func ignorePool(_ keys: String...) {
        for key in keys where child(key) != nil {
            fail(key, Self.poolReason, "", severity: .ignored)
            // Its values are nothing that is in force.
            let scratch = Reader()
            let pool = Section(reader: scratch, path: path + [.key(key)], node: mapping(child(key), key))
            pool.skip("size", "count", "capacity", "maxBufferReuseSize")
            pool.section("watermark") { $0.skip("low", "high") }
            _ = pool.sections("buckets") { $0.skip("count", "capacity") }
            pool.reportUnknownKeys()
            reader.report(scratch.diagnostics)
        }
    }

    private static let poolReason = "has no effect: it sizes a pool of Go's memory, and there is none here"

    private func skip(_ keys: String...) { for key in keys { _ = child(key) } }

    func reportUnknownKeys() {
        for key in keptSections.keys.sorted() { keptSections[key]?.reportUnknownKeys() }
        guard case .mapping(let entries) = node?.content else { return }
        for entry in entries where !known.contains(entry.key) {
            let name = field.isEmpty ? entry.key : field + "." + entry.key
            let all = known.sorted()
            let shown = all.count > 24 ? all.prefix(24).joined(separator: ", ") + " …" : all.joined(separator: ", ")
            var remedy = all.isEmpty ? "remove it" : "known here: \(shown)"
            if let nearest = NearestName.of(entry.key, among: all) { remedy = "did you mean '\(nearest)'? " + remedy }
            reader.report(
                Reader.diagnostic(.error, entry.keyOrigin, field: name, value: nil, "unknown field", remedy))
        }
    }
}
