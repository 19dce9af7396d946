import Metrics
import Storage
import Telemetry
import TestKit
import Transport
import WireFormat

/// A store in a folder of its own, closed and removed with the last reference.
final class TestStore {
    let directory: TemporaryDirectory
    let store: TimeSeriesStore
    let registry = Registry()

    init(_ name: String) throws {
        directory = try TemporaryDirectory(name)
        store = try TimeSeriesStore(directory: directory.path("storage"), registry: registry)
    }

    deinit { store.close() }

    /// The values of every series of a name, in the order of labels and time.
    func values(_ name: String, in namespace: Namespace) async throws -> [Double] {
        guard store.namespaces.contains(namespace) else { return [] }
        let matcher = try LabelMatcher("__name__", .equal, name)
        return try await store.select(namespace: namespace, matchers: [matcher], startMs: .min, endMs: .max)
            .flatMap(\.values)
    }
}

/// Remote write requests.
enum RemoteWrite {
    struct Series {
        var labels: [(name: String, value: String)]
        var samples: [PrometheusSample]
    }

    static func series(_ name: String, _ value: Double, atMs timeMs: Int64) -> Series {
        Series(
            labels: [(name: "__name__", value: name)],
            samples: [PrometheusSample(timestampMillis: timeMs, value: value)])
    }

    static func request(_ series: [Series], headers: HTTPHeaders = [:]) throws -> HTTPRequest {
        try HTTPRequest(method: "POST", target: "/api/v1/prom/remote/write", headers: headers, body: body(series))
    }

    static func body(_ series: [Series]) -> [UInt8] {
        var writer = ByteWriter()
        for one in series { RemoteWriteWriter.append(labels: one.labels, samples: one.samples, to: &writer) }
        return writer.withUnsafeBytes { Snappy.compress($0.bytes) }
    }
}
