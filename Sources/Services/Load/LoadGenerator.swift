import Logging
import MessageQueue
import Metrics
import NIOCore
import NIOPosix
import Telemetry
import WireFormat

/// Sends messages with known totals to an aggregator over m3msg, at a steady rate.
///
/// Every message is timed (its window does not depend on when it arrives) and carries its aggregation, Sum, and
/// policy with it, so that the aggregator needs no rules.
public final class LoadGenerator {
    /// What was sent, and what the aggregator acknowledged of it.
    public struct Result: Sendable {
        public var messages: UInt64 = 0
        public var acked: UInt64 = 0
        public var retried: UInt64 = 0
        /// The sum of the values by series.
        public var sums: [Int64] = []
        public var firstNanos: Int64 = 0
        public var lastNanos: Int64 = 0
    }

    /// A step of the progress: messages sent so far, and of how many.
    public typealias Progress = (_ sent: UInt64, _ total: UInt64) -> Void

    private let options: LoadOptions
    private let group: any EventLoopGroup
    private let logger: Logger
    private var series: LoadSeries

    /// The most messages of one batch, so that a batch stays well below the producer's buffer.
    private static let maxBatch = 4096

    /// - Throws: ``Metrics/MetricsError`` when a label is too long.
    public init(options: LoadOptions, group: any EventLoopGroup, logger: Logger) throws {
        self.options = options
        self.group = group
        self.logger = logger
        series = try LoadSeries(options)
    }

    /// Sends everything and waits until it is acknowledged, at most `drain` long.
    /// - Throws: ``MessageQueue/ProducerError``, ``MessageQueue/ProducerRouteError``.
    public func run(drain: Duration = .seconds(60), progress: Progress) async throws -> Result {
        var producerOptions = ProducerOptions()
        producerOptions.onFull = .returnError
        let producer = try Producer.start(
            route: ProducerRoute(
                topic: "aggregator_ingest", numberOfShards: Int(options.numShards),
                services: [
                    .init(
                        name: Self.service, consumption: .replicated, numberOfShards: Int(options.numShards),
                        endpoints: [options.ingest])
                ]), options: producerOptions, group: group, registry: Registry(), logger: logger)
        var result = Result()
        let metadata = MetadataCodec.encode([
            StagedMetadata(pipelines: [
                PipelineMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicies: [options.storagePolicy])
            ])
        ])
        let total = UInt64(max(Int128(options.rate) * Int128(options.durationNanos) / 1_000_000_000, 1))
        let clock = ContinuousClock()
        let start = clock.now
        result.firstNanos = WallClock.nowNanos()
        var writer = ByteWriter(capacity: 1 << 20)
        while result.messages < total {
            let elapsed = (clock.now - start).nanoseconds
            let due = min(UInt64(max(Int128(elapsed) * Int128(options.rate) / 1_000_000_000, 0)), total)
            guard due > result.messages else {
                try await Task.sleep(for: .milliseconds(2))
                continue
            }
            let count = Int(min(due - result.messages, UInt64(Self.maxBatch)))
            let batch = makeBatch(count: count, metadata: metadata, writer: &writer, result: &result)
            try await send(batch, to: producer)
            progress(result.messages, total)
        }
        result.lastNanos = WallClock.nowNanos()
        let stats = await producer.close(deadline: drain)[service: Self.service]
        result.acked = stats?.acked ?? 0
        result.retried = stats?.retried ?? 0
        result.sums = series.sums
        return result
    }

    private static let service = "m3aggregator"

    /// Waits while the producer's buffer is full: a generator that runs ahead of the aggregator loses nothing.
    private func send(_ batch: PayloadBatch, to producer: Producer) async throws {
        while true {
            do {
                try producer.produce(batch)
                return
            } catch ProducerError.bufferFull {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func makeBatch(
        count: Int, metadata: [UInt8], writer: inout ByteWriter, result: inout Result
    ) -> PayloadBatch {
        writer.removeAll(keepingCapacity: true)
        var entries: [PayloadBatch.Entry] = []
        entries.reserveCapacity(count)
        let now = WallClock.nowNanos()
        for _ in 0..<count {
            let index = Int(result.messages % UInt64(series.ids.count))
            let value = Int64(result.messages % 7) + 1
            let offset = writer.count
            let id = series.ids[index]
            MetricWriter.appendTimed(
                type: options.metricType, id: id.span.bytes, timeNanos: now, value: Double(value),
                metadatas: metadata.span.bytes, to: &writer)
            entries.append(.init(shard: series.shards[index], offset: offset, length: writer.count - offset))
            series.sums[index] &+= value
            result.messages += 1
        }
        var buffer = ByteBuffer()
        writer.withUnsafeBytes { _ = buffer.writeBytes($0) }
        return PayloadBatch(bytes: buffer, entries: entries)
    }
}
