extension AggregatorReader {
    /// M3 serves m3msg on its default address when neither server is configured, else only what is.
    func streamServers() -> (AggregatorConfiguration.M3MsgServer?, AggregatorConfiguration.RawTCPServer?) {
        let rawTCP = top.optional("rawtcp", rawTCPServer)
        let standard = ListenAddress(host: "0.0.0.0", port: 6_000)
        if !top.has("m3msg"), rawTCP == nil {
            return (top.section("m3msg") { m3msgServer($0, default: standard) }, nil)
        }
        return (top.optional("m3msg") { m3msgServer($0, default: nil) }, rawTCP)
    }

    private func m3msgServer(_ section: Section, default standard: ListenAddress?)
        -> AggregatorConfiguration.M3MsgServer
    {
        let isBuiltIn = !section.isPresent
        let server = section.section("server") { block in
            streamServer(
                block, address: standard,
                retry: isBuiltIn ? RetryPolicy(maxBackoffNanos: 10 * Self.second) : RetryPolicy())
        }
        return section.section("consumer") { consumer in
            consumer.ignorePool("messagePool")
            return AggregatorConfiguration.M3MsgServer(
                server: server,
                ackFlushIntervalNanos: consumer.duration(
                    "ackFlushInterval", default: 200 * Self.millisecond, in: 1...Section.century),
                ackBufferSize: consumer.int("ackBufferSize", default: 1_048_576, in: 1...1_000_000_000),
                connectionReadBufferBytes: consumer.bytes("connectionReadBufferSize", default: 1_048_576),
                connectionWriteBufferBytes: consumer.bytes("connectionWriteBufferSize", default: 1_048_576),
                connectionWriteTimeoutNanos: consumer.duration("connectionWriteTimeout", default: 5 * Self.second),
                maxMessageBytes: consumer.messageSize("decoder", default: 4_194_304),
                maxAckMessageBytes: consumer.messageSize("encoder", default: 4_194_304))
        }
    }

    private func rawTCPServer(_ section: Section) -> AggregatorConfiguration.RawTCPServer {
        section.ignore("msgpackIterator", because: "raw TCP speaks protobuf only")
        let maxMessageBytes = section.section("protobufIterator") { iterator in
            iterator.ignore("initBufferSize", because: WithoutEffect.growing)
            iterator.ignorePool("bytesPool")
            return iterator.bytes("maxMessageSize", default: 52_428_800)
        }
        return AggregatorConfiguration.RawTCPServer(
            server: streamServer(section, address: nil, retry: RetryPolicy()),
            errorLogLimitPerSecond: Int64(
                section.int("errorLogLimitPerSecond", default: 0, in: 0...1_000_000_000)),
            readBufferBytes: section.bytes("readBufferSize", default: 65_536), maxMessageBytes: maxMessageBytes)
    }

    private func streamServer(_ section: Section, address: ListenAddress?, retry: RetryPolicy)
        -> AggregatorConfiguration.StreamServer
    {
        let keepAlive = section.bool("keepAliveEnabled", default: true)
        let period = section.duration("keepAlivePeriod", default: 10 * Self.second, zeroIsDefault: true)
        return AggregatorConfiguration.StreamServer(
            listenAddress: section.requiredAddress("listenAddress", default: address),
            retry: section.retry("retry", default: retry), keepAlivePeriodNanos: keepAlive ? period : nil,
            tls: section.optional("tls", serverTLS) ?? .disabled)
    }

    private func serverTLS(_ section: Section) -> ServerTLS {
        let tls = ServerTLS(
            mode: section.choice("mode", default: .disabled),
            certFile: section.string("certFile", default: ""), keyFile: section.string("keyFile", default: ""),
            clientCAFile: section.string("clientCAFile", default: ""),
            certificatesTTLNanos: section.duration("certificatesTTL", default: 0),
            mutualTLS: section.bool("mTLSEnabled", default: false))
        if !section.has("mode") { section.fail("mode", "is missing", "write disabled, permissive or enforced") }
        guard tls.mode != .disabled else { return tls }
        for (key, value) in [("certFile", tls.certFile), ("keyFile", tls.keyFile)] where value.isEmpty {
            section.fail(key, "is missing, but TLS is \(tls.mode.rawValue)", "name a PEM file")
        }
        if tls.mutualTLS && tls.clientCAFile.isEmpty {
            section.fail(
                "clientCAFile", "is missing, but mTLSEnabled is true", "name the PEM file of the clients' authority")
        }
        return tls
    }

    func httpServer() -> AggregatorConfiguration.HTTPServer {
        top.section("http") { section in
            let isBuiltIn = !section.isPresent
            let timeout = (isBuiltIn ? 60 : 10) * Self.second
            return AggregatorConfiguration.HTTPServer(
                listenAddress: section.requiredAddress(
                    "listenAddress", default: isBuiltIn ? ListenAddress(host: "0.0.0.0", port: 6_001) : nil),
                readTimeoutNanos: section.duration("readTimeout", default: timeout, zeroIsDefault: true),
                writeTimeoutNanos: section.duration("writeTimeout", default: timeout, zeroIsDefault: true))
        }
    }
}
