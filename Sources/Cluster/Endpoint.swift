/// A `host:port` to dial.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// Without the brackets of an IPv6 address.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[v6]:port`. Throws `invalidEndpoint`.
    public init(parsing text: String) throws(ClusterError) {
        guard let colon = text.lastIndex(of: ":") else {
            throw .invalidEndpoint(endpoint: text, reason: "there is no port; write host:port")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw .invalidEndpoint(endpoint: text, reason: "write an IPv6 address in brackets, [::1]:6000")
        }
        guard !host.isEmpty else {
            throw .invalidEndpoint(endpoint: text, reason: "the host is empty; write host:port")
        }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }), let port = UInt16(digits)
        else {
            throw .invalidEndpoint(
                endpoint: text, reason: "the port '\(digits)' is none; give a number from 0 to 65535")
        }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
