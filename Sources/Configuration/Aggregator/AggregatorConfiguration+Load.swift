#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A configuration with what was found on the way.
public struct LoadedAggregatorConfiguration: Sendable, Equatable {
    public var configuration: AggregatorConfiguration
    /// Warnings and keys without effect, in the order of the files.
    public var diagnostics: [Diagnostic]
    /// All values that are in force, by M3's keys, in the order in which they are read.
    public var values: [EffectiveValue]
}

extension AggregatorConfiguration {
    /// The most files that are merged.
    public static let maxFiles = 100

    /// Reads files and merges them as M3 does: later ones go before earlier ones, key by key.
    /// - Parameter environment: the variables that the files may refer to.
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong in all files.
    public static func load(
        files: [String], environment: [String: String]
    ) throws(ConfigurationErrors) -> LoadedAggregatorConfiguration {
        var texts: [(file: String, bytes: [UInt8])] = []
        var errors: [Diagnostic] = []
        for file in files.prefix(maxFiles) {
            switch contents(of: file) {
            case .success(let bytes): texts.append((file, bytes))
            case .failure(let diagnostic): errors.append(diagnostic)
            }
        }
        if !errors.isEmpty || files.count > maxFiles { try refuse(errors, files.count) }
        return try read(texts, environment: environment)
    }

    private static func refuse(_ errors: [Diagnostic], _ count: Int) throws(ConfigurationErrors) {
        guard count > maxFiles else { throw ConfigurationErrors(errors) }
        throw ConfigurationErrors(
            errors + [fileError("", "\(count) files are too many", "name at most \(maxFiles)")])
    }

    private static func contents(of file: String) -> Result<[UInt8], Diagnostic> {
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            let size = attributes[.size] as? UInt64 ?? 0
            guard size <= UInt64(ConfigParser.maxFileBytes) else {
                return .failure(
                    fileError(file, "\(size) bytes are too many", "keep it below \(ConfigParser.maxFileBytes) bytes"))
            }
            return .success([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
        } catch {
            return .failure(
                fileError(file, Diagnostic.unreadableFile, "check that it exists and may be read"))
        }
    }

    private static func fileError(_ file: String, _ problem: String, _ remedy: String) -> Diagnostic {
        Reader.diagnostic(.error, .file(file, line: 0, column: 0), field: "", value: nil, problem, remedy)
    }

    /// Reads texts as if they were files.
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong in all of them.
    public static func read(
        _ texts: [(file: String, bytes: [UInt8])], environment: [String: String]
    ) throws(ConfigurationErrors) -> LoadedAggregatorConfiguration {
        let reader = Reader()
        if texts.isEmpty {
            reader.report(fileError("", "no configuration file is named", "name one with -f"))
        }
        var root = ConfigNode(.mapping([]), origin: .standard)
        for (file, bytes) in texts {
            guard bytes.count <= ConfigParser.maxFileBytes else {
                reader.report(
                    fileError(
                        file, "\(bytes.count) bytes are too many", "keep it below \(ConfigParser.maxFileBytes) bytes"))
                continue
            }
            var parser = ConfigParser(file: file, bytes: bytes, environment: environment)
            let node = parser.parse()
            reader.report(parser.diagnostics)
            if let node, !node.isNull { root = merge(root, node, reader) }
        }
        // What could not be parsed would only be missed once more.
        if reader.hasErrors { throw reader.errors() }
        if let expanded = ShortForm.expand(root, reader) { root = merge(expanded, root, reader) }
        let configuration = AggregatorReader.read(root, reader)
        if !reader.hasErrors {
            AggregatorChecks.run(
                configuration, environment: environment, isShortForm: root["node"] != nil, reader)
        }
        if reader.hasErrors { throw reader.errors() }
        return LoadedAggregatorConfiguration(
            configuration: configuration, diagnostics: reader.sortedDiagnostics(), values: reader.effectiveValues())
    }

    private static func merge(_ below: ConfigNode, _ above: ConfigNode, _ reader: Reader) -> ConfigNode {
        ConfigNode.merged(below, above, path: "") { path, below, above in
            reader.report(
                Reader.diagnostic(
                    .error, above.origin, field: path, value: nil,
                    "\(above.kind) can't be merged into \(below.kind)"
                        + (path.isEmpty ? "" : ", which stands at \(below.origin.place)"),
                    path.isEmpty ? "write 'name: value' lines" : "write both in the same way"))
        }
    }
}
