import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A folder that is removed when the last reference goes.
public final class TemporaryDirectory: Sendable {
    public let url: URL

    public init(_ name: String) throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("m3agg-\(name)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    public func path(_ component: String) -> String { url.appendingPathComponent(component).path }

    /// Writes a text file into the folder and returns its path.
    public func write(_ text: String, to component: String) throws -> String {
        let file = url.appendingPathComponent(component)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }
}

/// Asks the system for a TCP port of the loopback address that nobody uses at this moment.
public func freePort() throws -> Int {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw POSIXError(.EMFILE) }
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int32 in
            guard bind(socket, pointer, length) == 0 else { return -1 }
            return getsockname(socket, pointer, &length)
        }
    }
    guard result == 0 else { throw POSIXError(.EADDRINUSE) }
    return Int(UInt16(bigEndian: address.sin_port))
}

public struct DeadlinePassed: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
}

/// Asks again and again until the condition gives a value; errors that it throws count as "not yet".
/// - Throws: ``DeadlinePassed`` with the last error.
public func poll<Value>(
    _ what: String, deadline: Duration = .seconds(30), every interval: Duration = .milliseconds(50),
    _ condition: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let end = clock.now + deadline
    var last: (any Error)?
    while true {
        do {
            if let value = try await condition() { return value }
            last = nil
        } catch { last = error }
        guard clock.now < end else {
            throw DeadlinePassed(
                description: "waited \(deadline) for \(what)" + (last.map { "; last error: \($0)" } ?? ""))
        }
        try await Task.sleep(for: interval)
    }
}

/// Requests of tests over the network: the whole answer at once.
public enum HTTP {
    public struct Answer: Sendable {
        public var status: Int
        public var body: Data
        public var text: String { String(decoding: body, as: UTF8.self) }
        public var headers: [String: String]
    }

    public static func send(
        _ method: String = "GET", _ url: String, headers: [String: String] = [:], body: Data? = nil,
        timeout: TimeInterval = 30
    ) async throws -> Answer {
        guard let address = URL(string: url) else { throw URLError(.badURL) }
        var request = URLRequest(url: address, timeoutInterval: timeout)
        request.httpMethod = method
        request.httpBody = body
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        var fields: [String: String] = [:]
        for (name, value) in response.allHeaderFields { fields["\(name)".lowercased()] = "\(value)" }
        return Answer(status: response.statusCode, body: data, headers: fields)
    }
}
