/// How a node finds out which instance of the placement it is.
public struct InstanceIdentity: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        /// The host's name; `{{.Hostname}}` in the format stands for it. An empty format is the name itself.
        case hostname(format: String)
        case value(String)
        case environment(variable: String)
        /// The text of a file without surrounding white space; it is waited for where a timeout is given.
        case file(path: String, timeoutNanos: Int64?)
    }

    public var source: Source
    /// What is appended behind a colon: M3's `host_id_port`; nil for nothing.
    public var port: Int?

    /// The instance id, from everything but a file.
    /// - Parameters:
    ///   - fileText: the text of the file that the source names.
    /// - Throws: ``InstanceIdentityError`` when the variable or file is empty.
    public func instanceID(
        environment: [String: String], hostname: String, fileText: String? = nil
    ) throws(InstanceIdentityError) -> String {
        let host: String
        switch source {
        case .hostname(let format): host = Self.expand(format, hostname: hostname)
        case .value(let value): host = value
        case .environment(let variable):
            guard let value = environment[variable], !value.isEmpty else {
                throw .missingVariable(variable)
            }
            host = value
        case .file(let path, _):
            let text = Self.trimmed(fileText ?? "")
            guard !text.isEmpty else { throw .emptyFile(path) }
            host = text
        }
        guard !host.isEmpty else { throw .empty }
        guard let port else { return host }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    static let hostnameMarks = ["{{.Hostname}}", "{{ .Hostname }}"]

    private static func expand(_ format: String, hostname: String) -> String {
        if format.isEmpty { return hostname }
        var rest = Substring(format)
        var result = ""
        while !rest.isEmpty {
            if let mark = hostnameMarks.first(where: { rest.hasPrefix($0) }) {
                result += hostname
                rest = rest.dropFirst(mark.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}

/// Why a node does not know which instance it is.
public enum InstanceIdentityError: Error, Equatable, Sendable, CustomStringConvertible {
    case missingVariable(String)
    case emptyFile(String)
    case empty

    public var description: String {
        switch self {
        case .missingVariable(let name):
            "the environment variable \(name), which holds the instance id, is not set or empty: set it"
        case .emptyFile(let path): "the file \(path), which holds the instance id, is missing or empty: write it"
        case .empty: "the instance id is empty: set aggregator.hostID"
        }
    }
}
