import FoundationEssentials

/// The folder of a standalone process.
struct DataFolder: Sendable {
    enum Failure: Error, CustomStringConvertible {
        case cannotCreate(String, reason: String)

        var description: String {
            switch self {
            case .cannotCreate(let path, let reason):
                "--data-dir '\(path)' cannot be made: \(reason); choose a folder that may be written"
            }
        }
    }

    let path: String
    var storage: String { "\(path)/storage" }
    var control: String { "\(path)/control" }

    /// Makes the folder when it is missing.
    /// - Throws: ``Failure``
    init(_ path: String) throws(Failure) {
        self.path = path
        for folder in [storage, control] {
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw .cannotCreate(path, reason: "\(error)")
            }
        }
    }
}
