import NodeConfiguration

/// What libFuzzer calls with each input, which is a configuration file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start else { return 0 }
    let file = [UInt8](UnsafeBufferPointer(start: start, count: count))
    do {
        let loaded = try AggregatorConfiguration.read(
            [("fuzz.yml", file)], environment: ["A": "1", "B": "x: [", "NODE_NAME": "n"])
        precondition(loaded.diagnostics.allSatisfy { $0.severity != .error })
        readAgain(loaded)
    } catch {
        precondition(!error.errors.isEmpty && error.errors.allSatisfy { !$0.problem.isEmpty })
    }
    return 0
}

/// A dump means the same as the file, but for passwords, which it does not show.
private func readAgain(_ loaded: LoadedAggregatorConfiguration) {
    if case .etcd(let etcd) = loaded.configuration.keyValue, etcd.clusters.contains(where: { $0.credentials != nil }) {
        return
    }
    let dump = YAMLDump.text(loaded.values)
    do {
        let again = try AggregatorConfiguration.read([("dump.yml", Array(dump.utf8))], environment: [:])
        precondition(again.configuration == loaded.configuration, "\(dump)")
    } catch {
        preconditionFailure("\(error)\n\(dump)")
    }
}
