import Logging
import MessageQueue
import Metrics
import NIOCore
import Synchronization
import Telemetry
import WireFormat

/// Takes aggregated metrics and sums them: the sums of counters, and the counts of timers.
final class SumSink: MessageConsumer {
    struct Sums: Equatable {
        var counters: Int64 = 0
        var timerValues: Int64 = 0
    }

    private let state = Mutex(Sums())

    var sums: Sums { state.withLock { $0 } }

    func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        var sums = Sums()
        batch.withBytes { bytes in
            for message in batch.messages {
                guard let metric = try? AggregatedMetricReader.read(bytes, in: message.value) else { continue }
                let isTimer =
                    bytes.extracting(metric.id.offset..<metric.id.offset + 1)
                    .unsafeLoad(as: UInt8.self) == MessageLoad.Kind.batchTimer.mark
                if !isTimer {
                    sums.counters += Int64(metric.value)
                } else if metric.storagePolicy.resolutionNanos == 10_000_000_000 {
                    sums.timerValues += Int64(metric.value)
                }
            }
        }
        state.withLock {
            $0.counters += sums.counters
            $0.timerValues += sums.timerValues
        }
        connection.acknowledge(batch)
    }

    /// A server on a free port with this sink behind it, and its `HOST:PORT`.
    func listen(_ group: any EventLoopGroup) async throws -> (server: ConsumerServer, endpoint: String) {
        let server = ConsumerServer(
            group: group, host: "127.0.0.1", port: 0, consumer: self, registry: Registry(),
            logger: Logger(label: "sink"))
        let address = try await server.start()
        return (server, "127.0.0.1:\(address.port ?? 0)")
    }
}
