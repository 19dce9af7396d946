/// A call that did not end well, with gRPC's status codes.
struct GRPCError: Error, Equatable, CustomStringConvertible {
    struct Code: RawRepresentable, Hashable {
        var rawValue: Int

        static let ok = Code(rawValue: 0)
        static let cancelled = Code(rawValue: 1)
        static let unknown = Code(rawValue: 2)
        static let invalidArgument = Code(rawValue: 3)
        static let deadlineExceeded = Code(rawValue: 4)
        static let notFound = Code(rawValue: 5)
        static let permissionDenied = Code(rawValue: 7)
        static let resourceExhausted = Code(rawValue: 8)
        static let failedPrecondition = Code(rawValue: 9)
        static let outOfRange = Code(rawValue: 11)
        static let `internal` = Code(rawValue: 13)
        static let unavailable = Code(rawValue: 14)
        static let unauthenticated = Code(rawValue: 16)
    }

    var code: Code
    var message: String
    /// False when the request never left this process, so that sending it again is safe.
    var wasSent = true

    var description: String { "\(message) (gRPC status \(code.rawValue))" }

    /// Tokens are lost when a member restarts or users change; the request was not carried out.
    var asksForNewToken: Bool {
        switch code {
        case .unauthenticated: true
        case .invalidArgument:
            message.hasSuffix("user name is empty") || message.hasSuffix("revision of auth store is old")
        default: false
        }
    }

    /// Whether another member may give a better answer.
    var isTransient: Bool {
        code == .unavailable || code == .deadlineExceeded || code == .cancelled || code == .internal || code == .unknown
    }

    /// The error that a response's trailers stand for; nil for success.
    static func fromTrailers(status: String?, message: String?) -> GRPCError? {
        guard let status, let code = Int(status) else {
            return GRPCError(code: .unknown, message: "the response ended without a status")
        }
        guard code != 0 else { return nil }
        return GRPCError(code: Code(rawValue: code), message: percentDecoded(message ?? ""))
    }

    /// Of an answer that is no gRPC at all, such as a proxy's.
    static func fromHTTP(status: String) -> GRPCError {
        GRPCError(
            code: .unavailable,
            message: "the endpoint answered with HTTP status \(status), which is no gRPC; is it etcd's client port?")
    }

    private static func percentDecoded(_ text: String) -> String {
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let byte = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                out.append(byte)
                index += 3
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
