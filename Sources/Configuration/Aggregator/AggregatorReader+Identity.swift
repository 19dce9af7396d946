extension AggregatorReader {
    private enum Resolver: String, CaseIterable {
        case hostname, config, environment, file
    }

    private enum InstanceIDType: String, CaseIterable {
        case host = "host_id"
        case hostAndPort = "host_id_port"
    }

    func identity(_ section: Section, rawTCP: AggregatorConfiguration.RawTCPServer?) -> InstanceIdentity {
        let source = section.section("hostID") { hostSource($0) }
        let type = section.section("instanceID") {
            $0.choice("type", default: pick(builtIn: InstanceIDType.host, library: .hostAndPort))
        }
        guard type == .hostAndPort else { return InstanceIdentity(source: source, port: nil) }
        guard let rawTCP else {
            section.fail(
                "instanceID", "type host_id_port appends the port of rawtcp, which is not configured",
                "write 'instanceID: {type: host_id}'")
            return InstanceIdentity(source: source, port: nil)
        }
        return InstanceIdentity(source: source, port: rawTCP.server.listenAddress.port)
    }

    private func hostSource(_ section: Section) -> InstanceIdentity.Source {
        let resolver = section.choice("resolver", default: pick(builtIn: Resolver.config, library: .hostname))
        if section.isPresent && !section.has("resolver") {
            section.fail("resolver", "is missing", "write hostname, config, environment or file")
        }
        let value = section.string("value", default: pick(builtIn: "m3aggregator_local", library: ""))
        let variable = section.string("envVarName", default: "")
        let path = section.section("file") { file in
            (file.string("path", default: ""), file.has("timeout") ? file.duration("timeout", default: 0) : nil)
        }
        let format = section.section("hostname") { $0.string("format", default: "") }
        switch resolver {
        case .hostname:
            var rest = format
            for mark in InstanceIdentity.hostnameMarks {
                rest = rest.split(separator: mark, omittingEmptySubsequences: false).joined()
            }
            if rest.contains("{{") {
                section.fail("hostname", "format holds something else than {{.Hostname}}", "use {{.Hostname}} only")
            }
            return .hostname(format: format)
        case .config:
            if value.isEmpty { section.fail("value", "is missing, but the resolver is config", "write the host's id") }
            return .value(value)
        case .environment:
            if variable.isEmpty {
                section.fail("envVarName", "is missing, but the resolver is environment", "name the variable")
            }
            return .environment(variable: variable)
        case .file:
            if path.0.isEmpty { section.fail("file", "path is missing, but the resolver is file", "name the file") }
            return .file(path: path.0, timeoutNanos: path.1)
        }
    }
}
