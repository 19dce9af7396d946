/// Why keys of M3 have no effect here.
enum WithoutEffect {
    static let goRuntime = "it tunes Go's runtime"
    static let noScan = "queues are not scanned in the background here"
    static let growing = "buffers grow as they are needed"
    static let deprecated = "M3 does not use it any more, either"
    static let placementChange = "it matters to those who change placements only"
    static let prometheusOnly = "metrics are served in Prometheus' format, unsampled, with histograms for times"
    static let logFormat = "log lines have fixed field names"
}

extension Section {
    /// A retry block of M3's, whose keys have the defaults of its library where the block is there.
    /// - Parameter standard: what holds when the whole block is absent.
    func retry(_ key: String, default standard: RetryPolicy = RetryPolicy(), isForever: Bool = false) -> RetryPolicy {
        section(key) { block in
            let base = block.isPresent ? RetryPolicy(isForever: isForever) : standard
            return RetryPolicy(
                initialBackoffNanos: block.duration(
                    "initialBackoff", default: base.initialBackoffNanos, zeroIsDefault: true),
                backoffFactor: block.double(
                    "backoffFactor", default: base.backoffFactor, zeroIsDefault: true, in: 0...1_000),
                maxBackoffNanos: block.duration("maxBackoff", default: base.maxBackoffNanos, zeroIsDefault: true),
                maxRetries: block.int(
                    "maxRetries", default: base.maxRetries, zeroIsDefault: true, in: 0...1_000_000_000),
                isForever: block.bool("forever", default: base.isForever) || isForever,
                jitter: block.bool("jitter", default: base.jitter))
        }
    }

    /// Zone, environment and namespace of keys.
    func scope(_ key: String, namespace: String = "") -> KeyValueScope {
        section(key) { block in
            KeyValueScope(
                zone: block.string("zone", default: ""), environment: block.string("environment", default: ""),
                namespace: block.string("namespace", default: block.isPresent ? "" : namespace))
        }
    }

    func serviceName(_ key: String, default standard: ServiceName = ServiceName(name: "", environment: "", zone: ""))
        -> ServiceName
    {
        section(key) { block in
            ServiceName(
                name: block.string("name", default: block.isPresent ? "" : standard.name),
                environment: block.string("environment", default: block.isPresent ? "" : standard.environment),
                zone: block.string("zone", default: block.isPresent ? "" : standard.zone))
        }
    }

    /// Only murmur32 is there; anything else would send values to the wrong shards.
    func hashType(_ key: String, isRequired: Bool = false) {
        let value = string(key, default: isRequired ? "" : "murmur32")
        guard value != "murmur32" else { return }
        let problem = value.isEmpty ? "is missing" : "is unknown"
        fail(key, problem, "write murmur32, the only hash that M3 knows")
    }

    /// A key with `%d` for the shard set.
    func keyFormat(_ key: String, default standard: String?, example: String) -> String {
        let format = required(key, default: standard, example: example)
        if !format.isEmpty, !KeyFormat.isValid(format) {
            fail(key, "must hold '%d' once, where the number of the shard set goes", "write it like \(example)")
        }
        return format
    }

    /// Limits of messages as M3's encoders and decoders have them.
    func messageSize(_ key: String, default standard: Int) -> Int {
        section(key) { block in
            block.ignorePool("bytesPool")
            return block.int("maxMessageSize", default: standard, in: 1...Self.maxBytes)
        }
    }

    /// No buffer is larger than this.
    static let maxBytes = 1 << 40

    func bytes(_ key: String, default standard: Int, zeroIsDefault: Bool = false) -> Int {
        int(key, default: standard, zeroIsDefault: zeroIsDefault, in: (zeroIsDefault ? 0 : 1)...Self.maxBytes)
    }
}
