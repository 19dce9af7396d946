import COpenSSL
import Glibc
import NIOCore

/// One `SSL` over buffers: it reads from what arrived and writes to what is to be sent, and knows no channel.
final class TLSSession {
    enum HandshakeStep: Equatable {
        case done
        case needsMore
        case failed(TLSError)
    }

    struct Decrypted {
        var plain: ByteBuffer
        /// The peer said close_notify.
        var hasEnded = false
        var failure: TLSError?
    }

    private let ssl: OpaquePointer
    /// OpenSSL's callback for protocols refers to it.
    private let context: OpenSSLContext
    fileprivate var input = ByteBuffer()
    fileprivate var output = ByteBuffer()

    private init(_ context: OpenSSLContext) throws(TLSConfigurationError) {
        OpenSSLErrors.clear()
        guard let ssl = SSL_new(context.pointer) else { throw .library(OpenSSLErrors.takeReason()) }
        guard let bio = BIO_new(BufferBIO.method) else {
            SSL_free(ssl)
            throw .library(OpenSSLErrors.takeReason())
        }
        self.ssl = ssl
        self.context = context
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        // One reference is taken when both are the same.
        SSL_set_bio(ssl, bio, bio)
    }

    deinit { SSL_free(ssl) }

    static func server(_ context: OpenSSLContext) throws(TLSConfigurationError) -> TLSSession {
        let session = try TLSSession(context)
        SSL_set_accept_state(session.ssl)
        return session
    }

    /// - Parameters:
    ///   - name: host name or address that the certificate must be for.
    ///   - verifiesName: whether it is compared; a host name is told to the server (SNI) in any case.
    static func client(
        _ context: OpenSSLContext, name: String, verifiesName: Bool
    ) throws(TLSConfigurationError) -> TLSSession {
        let session = try TLSSession(context)
        let ssl = session.ssl
        SSL_set_connect_state(ssl)
        let isAddress = isIPAddress(name)
        if !isAddress, !name.isEmpty, m3agg_set_server_name(ssl, name) != 1 {
            throw .library("the server name '\(name)' is not valid: \(OpenSSLErrors.takeReason())")
        }
        guard verifiesName else { return session }
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        let isSet =
            isAddress
            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) : SSL_set1_host(ssl, name)
        // An empty name would switch the comparison off.
        guard isSet == 1, !name.isEmpty else { throw .library("the server name '\(name)' can't be verified") }
        return session
    }

    private static func isIPAddress(_ name: String) -> Bool {
        // Room for an address of either kind, in bytes: their C types come from different modules in different builds.
        var address = [UInt8](repeating: 0, count: 16)
        return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1
    }

    /// Bytes for the peer that came up since the last call.
    func takeOutput() -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        defer { output = ByteBuffer() }
        return output
    }

    /// Adds what arrived. All of it is used up by the next handshake step and decryption.
    func receive(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            var bytes = bytes
            input.writeBuffer(&bytes)
        }
    }

    func handshake() -> HandshakeStep {
        OpenSSLErrors.clear()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return .done }
        if SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return .needsMore }
        let verification = SSL_get_verify_result(ssl)
        if verification != Int(X509_V_OK), let text = X509_verify_cert_error_string(verification) {
            OpenSSLErrors.clear()
            return .failed(.certificateRejected(reason: String(cString: text)))
        }
        return .failed(.handshakeFailed(reason: OpenSSLErrors.takePeerReason()))
    }

    /// The protocol that both sides agreed on.
    var negotiatedProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        guard let name, length > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    /// All that can be decrypted of what arrived.
    func decrypt(allocator: ByteBufferAllocator) -> Decrypted {
        var result = Decrypted(plain: ByteBuffer())
        if input.readableBytes > 0 { result.plain = allocator.buffer(capacity: input.readableBytes + 256) }
        while true {
            if result.plain.writableBytes == 0 {
                // The beginning of the record came earlier.
                result.plain.reserveCapacity(minimumWritableBytes: max(1_024, Int(SSL_pending(ssl))))
            }
            OpenSSLErrors.clear()
            var status: Int32 = 0
            result.plain.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { raw in
                var count = 0
                status = SSL_read_ex(ssl, raw.baseAddress, raw.count, &count)
                return status == 1 ? count : 0
            }
            if status == 1 { continue }
            switch SSL_get_error(ssl, status) {
            case SSL_ERROR_WANT_READ: break
            case SSL_ERROR_ZERO_RETURN: result.hasEnded = true
            default: result.failure = .broken(reason: OpenSSLErrors.takePeerReason())
            }
            return result
        }
    }

    /// Encrypts bytes; ``takeOutput()`` has the records afterwards.
    func encrypt(_ plain: ByteBuffer) throws(TLSError) {
        guard plain.readableBytes > 0 else { return }
        let records = (plain.readableBytes + 16_383) / 16_384
        output.reserveCapacity(minimumWritableBytes: plain.readableBytes + records * 64)
        OpenSSLErrors.clear()
        let status = plain.withUnsafeReadableBytes { raw in
            var count = 0
            return SSL_write_ex(ssl, raw.baseAddress, raw.count, &count)
        }
        guard status == 1 else { throw .broken(reason: OpenSSLErrors.takePeerReason()) }
    }

    /// Says that nothing more will be sent.
    func closeNotify() {
        OpenSSLErrors.clear()
        _ = SSL_shutdown(ssl)
        OpenSSLErrors.clear()
    }
}

/// A BIO that reads and writes the buffers of a ``TLSSession``, without a copy between it and the channel.
private enum BufferBIO {
    // Made once and only read afterwards.
    nonisolated(unsafe) static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "m3agg buffers") else { return nil }
        BIO_meth_set_read(method) { bio, bytes, count in
            m3agg_bio_clear_retry(bio)
            guard let bytes, count > 0, let session = session(of: bio) else { return -1 }
            let available = min(session.input.readableBytes, Int(count))
            guard available > 0 else {
                m3agg_bio_should_read(bio)
                return -1
            }
            session.input.readWithUnsafeReadableBytes { raw in
                if let start = raw.baseAddress { memcpy(bytes, start, available) }
                return available
            }
            // Lets go of the channel's buffer.
            if session.input.readableBytes == 0 { session.input = ByteBuffer() }
            return Int32(available)
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            m3agg_bio_clear_retry(bio)
            guard let bytes, count > 0, let session = session(of: bio) else { return -1 }
            session.output.writeBytes(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()

    private static func session(of bio: OpaquePointer?) -> TLSSession? {
        guard let data = BIO_get_data(bio) else { return nil }
        return Unmanaged<TLSSession>.fromOpaque(data).takeUnretainedValue()
    }
}
