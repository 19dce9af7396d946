import Logging
import NIOCore
import Transport
import WireFormat

/// Sends the demo's series as Prometheus would: a remote write request every second, over HTTP.
struct DemoSender {
    private let url: String
    private let client: HTTPClient
    private let logger: Logger
    private var traffic = DemoTraffic(randomness: SystemRandomNumberGenerator())

    /// - Parameter http: `HOST:PORT` of the coordinator.
    init(http: String, group: any EventLoopGroup, logger: Logger) {
        url = "http://\(http)/api/v1/prom/remote/write"
        client = HTTPClient(group: group)
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    mutating func run() async {
        while !Task.isCancelled {
            let body = Self.body(traffic.step(nowMs: CommandClock.nowMs()))
            do {
                let reply = try await client.post(url, body: body)
                if reply.status >= 300 {
                    logger.warning(
                        "the demo's samples were refused",
                        metadata: [
                            "status": "\(reply.status)",
                            "reply": "\(String(decoding: reply.body.prefix(300), as: UTF8.self))",
                        ])
                }
            } catch {
                if !Task.isCancelled {
                    logger.warning("the demo's samples were not sent", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private static func body<R>(_ series: [DemoTraffic<R>.Series]) -> [UInt8] {
        var writer = ByteWriter(capacity: 65_536)
        for one in series {
            let samples = one.samples.map { PrometheusSample(timestampMillis: $0.timeMs, value: $0.value) }
            switch one.kind {
            case .counter:
                RemoteWriteWriter.append(labels: one.labels, samples: samples, prometheusType: 1, to: &writer)
            case .gauge:
                RemoteWriteWriter.append(labels: one.labels, samples: samples, prometheusType: 2, to: &writer)
            case .timer:
                RemoteWriteWriter.append(labels: one.labels, samples: samples, m3Type: 2, to: &writer)
            }
        }
        return writer.withUnsafeBytes { Snappy.compress($0.bytes) }
    }
}
