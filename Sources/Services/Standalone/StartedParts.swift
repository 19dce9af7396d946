/// The parts of a process that are up, so that a start that fails further on can stop them again.
struct StartedParts {
    private var stops: [@Sendable () async -> Void] = []

    mutating func add(_ stop: @escaping @Sendable () async -> Void) { stops.append(stop) }

    /// Stops them, the last one first.
    func stop() async { for stop in stops.reversed() { await stop() } }
}

/// An address that a server could not listen on.
struct ListenFailure: Error, CustomStringConvertible {
    var option: String
    var address: StandaloneOptions.ListenAddress
    var reason: String

    var description: String {
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        return "\(option) \(host):\(address.port) cannot be listened on: \(reason); choose another address, or port 0"
    }

    /// Gives errors of the body the option and the address that they are about.
    static func naming<Result: Sendable>(
        _ option: String, _ address: StandaloneOptions.ListenAddress, _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch {
            throw ListenFailure(option: option, address: address, reason: "\(error)")
        }
    }
}
