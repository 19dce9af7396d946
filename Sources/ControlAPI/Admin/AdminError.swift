import Cluster
import KeyValue
import Transport

/// Why a call of the admin API is not carried out, as the client sees it.
struct AdminError: Error, Equatable, Sendable {
    var status: Int
    var text: String

    init(_ status: Int, _ text: String) {
        self.status = status
        self.text = text
    }

    /// The body or a parameter of the request is wrong.
    static func invalid(_ text: String) -> AdminError { AdminError(400, text) }

    /// M3's status and text of the same failure. Most are 500, also where the request is to blame.
    init(_ error: ClusterError) {
        switch error {
        case .keyValue(.notFound): self.init(500, "key not found")
        case .keyValue(.alreadyExists): self.init(409, "key already has a value")
        case .keyValue(.versionMismatch): self.init(500, "key is not at the specified version")
        case .undecodable(_, let reason), .unencodable(_, let reason): self.init(500, reason)
        case .invalidPlacement(let reason): self.init(400, reason)
        case .placementChange(let reason):
            // Where M3 runs into a division by zero it says so.
            self.init(500, reason.hasPrefix("runtime error:") ? "caught panic: \(reason)" : reason)
        case .keyValue, .invalidTopic, .invalidEndpoint, .invalidName, .contended: self.init(500, error.description)
        }
    }

    /// `{"status":"error","error":…}` and a newline.
    var reply: HTTPReply {
        var json = JSONWriter()
        json.object { json in
            json.field("status", "error")
            json.field("error", text)
        }
        json.raw("\n")
        return .json(json.bytes, status: status)
    }

    /// Turns the errors of the stores into those of the API.
    static func mapping<T>(_ body: () async throws(ClusterError) -> T) async throws(AdminError) -> T {
        do throws(ClusterError) {
            return try await body()
        } catch {
            throw AdminError(error)
        }
    }

    static func converting<T>(_ body: () throws(ClusterError) -> T) throws(AdminError) -> T {
        do throws(ClusterError) {
            return try body()
        } catch {
            throw AdminError(error)
        }
    }
}
