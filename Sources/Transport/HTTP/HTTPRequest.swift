/// An HTTP request as plain values: what routes work on, and what tests make without a socket.
public struct HTTPRequest: Sendable {
    /// In capitals, such as `GET`.
    public var method: String
    /// Without the query, percent escapes resolved per segment.
    public var path: [String]
    /// The form parameters of a POST body, then those of the query, as in Go's `Request.Form`.
    public var parameters: HTTPParameters
    public var headers: HTTPHeaders
    /// The body as it came: still compressed, still form-encoded.
    public var body: [UInt8]

    /// - Parameter target: path and query as on the request line.
    /// - Throws: ``HTTPParameters/TooMany``
    public init(
        method: String, target: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws(HTTPParameters.TooMany) {
        self.method = method
        self.headers = headers
        self.body = body
        let bytes = Array(target.utf8)
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        path = bytes[..<mark].split(separator: UInt8(ascii: "/"))
            .map { HTTPParameters.decode($0, plusIsSpace: false) }
        parameters = HTTPParameters()
        if method == "POST", Self.isForm(headers["content-type"]) {
            try parameters.append(formEncoded: body)
        }
        try parameters.append(formEncoded: bytes[mark...].dropFirst())
    }

    private static func isForm(_ contentType: String?) -> Bool {
        // Most other types, those of remote write among them, are told by their length.
        guard let contentType, contentType.utf8.count >= 33, let media = contentType.split(separator: ";").first
        else { return false }
        return media.split(separator: " ").joined().lowercased() == "application/x-www-form-urlencoded"
    }
}

/// An HTTP response as plain values. `Content-Length` is added when it is sent.
public struct HTTPReply: Sendable {
    public var status: Int
    public var headers: HTTPHeaders
    public var body: [UInt8]

    public init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public static func text(_ text: String, status: Int = 200) -> HTTPReply {
        HTTPReply(status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    /// A body that is JSON already.
    public static func json(_ bytes: [UInt8], status: Int = 200) -> HTTPReply {
        HTTPReply(status: status, headers: ["Content-Type": "application/json"], body: bytes)
    }

    /// An error in Prometheus' form: `{"status":"error","errorType":…,"error":…}`.
    public static func error(_ status: Int, type: String, _ message: String) -> HTTPReply {
        let body = "{\"status\":\"error\",\"errorType\":\(quoted(type)),\"error\":\(quoted(message))}"
        return .json(Array(body.utf8), status: status)
    }

    /// A text as a JSON string, quotes included.
    public static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
