import NIOCore

/// Socket addresses as text.
enum SocketText {
    /// `HOST:PORT`, an IPv6 host in brackets.
    /// - Parameter host: what the server was told, for addresses without a number.
    static func text(_ address: SocketAddress, host: String) -> String {
        let host = address.ipAddress ?? host
        return host.contains(":") ? "[\(host)]:\(address.port ?? 0)" : "\(host):\(address.port ?? 0)"
    }
}
