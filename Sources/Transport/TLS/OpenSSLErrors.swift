import COpenSSL

/// The error queue that OpenSSL keeps for each thread.
enum OpenSSLErrors {
    /// To be called before each operation whose error will be asked for.
    static func clear() { ERR_clear_error() }

    /// The reason of the oldest error; empties the queue.
    static func takeReason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "unknown reason" }
        guard let text = ERR_reason_error_string(code) else {
            var buffer = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(code, &buffer, buffer.count)
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return String(cString: text)
    }

    /// Of an operation on a connection: names what a wrong kind of peer looks like.
    static func takePeerReason() -> String {
        let reason = takeReason()
        switch reason {
        case "http request", "https proxy request", "wrong version number", "packet length too long":
            return "\(reason): the peer does not speak TLS"
        default: return reason
        }
    }
}
