import SwiftProtobuf

enum ProtobufCoding {
    static func decode<M: Message>(_ type: M.Type, _ bytes: [UInt8], what: String) throws(ClusterError) -> M {
        do {
            return try M(serializedBytes: bytes)
        } catch {
            throw .undecodable(what: what, reason: "\(error)")
        }
    }

    /// Map entries are written in the order of their keys: M3 reads any order, and equal values give equal bytes.
    static func encode(_ message: some Message, what: String) throws(ClusterError) -> [UInt8] {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        do {
            return try message.serializedBytes(options: options)
        } catch {
            throw .unencodable(what: what, reason: "\(error)")
        }
    }
}
