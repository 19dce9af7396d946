/// Where a URL leads.
struct HTTPTarget: Equatable {
    var host: String
    var port: Int
    /// Path and query as they stand on the request line.
    var path: String
    /// Host and port as they stand in the URL.
    var authority: String

    /// - Throws: ``HTTPClient/Failure/invalidURL(_:reason:)``
    init(_ url: String) throws(HTTPClient.Failure) {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .invalidURL(url, reason: "spaces, control characters and other than ASCII must be percent-encoded")
        }
        guard let scheme = url.firstRange(of: "://") else {
            throw .invalidURL(url, reason: "it must start with http://")
        }
        guard url[..<scheme.lowerBound] == "http" else {
            throw .invalidURL(url, reason: "only http:// is supported")
        }
        let rest = url[scheme.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        authority = String(rest[..<end])
        let target = rest[end...].prefix { $0 != "#" }
        path = target.hasPrefix("/") ? String(target) : "/" + target
        var host = authority[...]
        var port = "80"[...]
        if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw .invalidURL(url, reason: "the host is missing") }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw .invalidURL(url, reason: "port '\(port)' is not in 1…65535")
        }
        self.host = String(host)
        self.port = number
    }
}
