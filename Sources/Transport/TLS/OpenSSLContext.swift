import COpenSSL
import Glibc

/// An `SSL_CTX`: what connections share. It never changes once it is made, and OpenSSL counts references to it, so threads may
/// share it.
final class OpenSSLContext: @unchecked Sendable {
    let pointer: OpaquePointer
    /// Protocols in wire form, the server's choice reads them.
    fileprivate let protocols: [UInt8]

    private init(protocols names: [String], isServer: Bool) throws(TLSConfigurationError) {
        OpenSSLErrors.clear()
        guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
            throw .library(OpenSSLErrors.takeReason())
        }
        self.pointer = pointer
        var protocols: [UInt8] = []
        for name in names {
            guard let length = UInt8(exactly: name.utf8.count), length > 0 else {
                throw .invalidProtocol(name)
            }
            protocols.append(length)
            protocols.append(contentsOf: name.utf8)
        }
        self.protocols = protocols
        guard m3agg_set_min_version(pointer) == 1 else { throw .library(OpenSSLErrors.takeReason()) }
        m3agg_set_no_resumption_no_renegotiation(pointer)
        m3agg_set_session_cache_off(pointer)
        m3agg_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS))
        // A key with a passphrase is refused; without this OpenSSL would ask at the terminal.
        SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in 0 }
    }

    deinit { SSL_CTX_free(pointer) }

    /// - Throws: ``TLSConfigurationError``
    static func server(_ options: TLSServerOptions) throws(TLSConfigurationError) -> OpenSSLContext {
        let context = try OpenSSLContext(protocols: options.alpn, isServer: true)
        // A client that only writes would leave tickets unread, and its close would then reset the connection, with what the
        // server has not read yet.
        SSL_CTX_set_num_tickets(context.pointer, 0)
        try context.useCertificate(options.certificateFile, key: options.keyFile)
        if let file = options.clientCAFile {
            try context.trust(file, setting: "clientCAFile")
            guard let names = SSL_load_client_CA_file(file) else {
                throw .notPEM(
                    setting: "clientCAFile", file: file, content: "certificate", reason: OpenSSLErrors.takeReason())
            }
            SSL_CTX_set_client_CA_list(context.pointer, names)
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        if !options.alpn.isEmpty {
            // Connections keep their context, and it is what the callback gets.
            SSL_CTX_set_alpn_select_cb(
                context.pointer, selectProtocol, Unmanaged.passUnretained(context).toOpaque())
        }
        return context
    }

    /// - Throws: ``TLSConfigurationError``
    static func client(_ options: TLSClientOptions) throws(TLSConfigurationError) -> OpenSSLContext {
        let context = try OpenSSLContext(protocols: options.alpn, isServer: false)
        switch (options.certificateFile, options.keyFile) {
        case (let certificate?, let key?): try context.useCertificate(certificate, key: key)
        case (.some, nil): throw .missing(setting: "keyFile", because: "certificateFile is given")
        case (nil, .some): throw .missing(setting: "certificateFile", because: "keyFile is given")
        case (nil, nil): break
        }
        if !options.insecureSkipVerify {
            if let file = options.caFile {
                try context.trust(file, setting: "caFile")
            } else {
                guard SSL_CTX_set_default_verify_paths(context.pointer) == 1 else {
                    throw .library(OpenSSLErrors.takeReason())
                }
            }
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
        }
        if !options.alpn.isEmpty {
            // This one function returns 0 when it succeeded.
            guard
                SSL_CTX_set_alpn_protos(context.pointer, context.protocols, UInt32(clamping: context.protocols.count))
                    == 0
            else { throw .library(OpenSSLErrors.takeReason()) }
        }
        return context
    }

    private func useCertificate(_ certificate: String, key: String) throws(TLSConfigurationError) {
        try Self.checkReadable(certificate, setting: "certificateFile")
        try Self.checkReadable(key, setting: "keyFile")
        OpenSSLErrors.clear()
        guard SSL_CTX_use_certificate_chain_file(pointer, certificate) == 1 else {
            throw .notPEM(
                setting: "certificateFile", file: certificate, content: "certificate",
                reason: OpenSSLErrors.takeReason())
        }
        // Before the key, so that loading the key tells that it doesn't match apart from that it can't be read.
        try checkValidity(certificate)
        guard SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1 else {
            let error = ERR_peek_error()
            guard m3agg_error_library(error) != Int32(ERR_LIB_X509) else {
                throw .keyDoesNotMatch(certificateFile: certificate, keyFile: key)
            }
            throw .notPEM(
                setting: "keyFile", file: key, content: "key without a passphrase", reason: OpenSSLErrors.takeReason())
        }
        guard SSL_CTX_check_private_key(pointer) == 1 else {
            throw .keyDoesNotMatch(certificateFile: certificate, keyFile: key)
        }
    }

    private func trust(_ file: String, setting: String) throws(TLSConfigurationError) {
        try Self.checkReadable(file, setting: setting)
        OpenSSLErrors.clear()
        guard SSL_CTX_load_verify_locations(pointer, file, nil) == 1 else {
            throw .notPEM(setting: setting, file: file, content: "certificate", reason: OpenSSLErrors.takeReason())
        }
    }

    private static func checkReadable(_ file: String, setting: String) throws(TLSConfigurationError) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unreadable(setting: setting, file: file, reason: String(cString: strerror(errno)))
        }
        close(descriptor)
    }

    private func checkValidity(_ file: String) throws(TLSConfigurationError) {
        guard let certificate = SSL_CTX_get0_certificate(pointer) else {
            throw .library("the certificate of '\(file)' is gone")
        }
        let end = X509_get0_notAfter(certificate)
        if X509_cmp_current_time(end) < 0 { throw .expired(file: file, at: Self.text(of: end)) }
        let start = X509_get0_notBefore(certificate)
        if X509_cmp_current_time(start) > 0 { throw .notYetValid(file: file, from: Self.text(of: start)) }
    }

    private static func text(of time: UnsafePointer<ASN1_TIME>?) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "an unknown time" }
        defer { BIO_free(bio) }
        guard ASN1_TIME_print(bio, time) == 1 else { return "an unknown time" }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = BIO_read(bio, &buffer, Int32(buffer.count))
        return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
    }
}

/// Chooses the first of the server's protocols that the client has.
private func selectProtocol(
    ssl: OpaquePointer?, chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    chosenLength: UnsafeMutablePointer<UInt8>?, offered: UnsafePointer<UInt8>?, offeredLength: UInt32,
    argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let argument, let offered, let chosen, let chosenLength else { return SSL_TLSEXT_ERR_NOACK }
    let context = Unmanaged<OpenSSLContext>.fromOpaque(argument).takeUnretainedValue()
    let theirs = UnsafeBufferPointer(start: offered, count: Int(offeredLength))
    var own = 0
    while own < context.protocols.count {
        let length = Int(context.protocols[own])
        let name = context.protocols[own + 1..<own + 1 + length]
        var at = 0
        while at < theirs.count, at + 1 + Int(theirs[at]) <= theirs.count {
            let end = at + 1 + Int(theirs[at])
            if theirs[(at + 1)..<end].elementsEqual(name) {
                // OpenSSL copies the name after the callback; that of the client's message lives long enough.
                chosen.pointee = offered + at + 1
                chosenLength.pointee = theirs[at]
                return SSL_TLSEXT_ERR_OK
            }
            at = end
        }
        own += 1 + length
    }
    return SSL_TLSEXT_ERR_NOACK
}
