import Coordinator
import MessageQueue
import NIOCore
import Storage
import Telemetry
import Transport
import WireFormat

/// Answers Prometheus remote writes: all of a request is taken, or nothing of it.
///
/// The store comes first: a write that is repeated replaces itself there, so a request that is refused afterwards
/// because the aggregator's queue is full can be sent again without being counted twice.
/// Source: `docs/http-api.md`, remote write.
struct RemoteWriteEndpoint: Sendable {
    private let handler: RemoteWriteHandler
    private let store: TimeSeriesStore
    private let producer: Producer
    private let instruments: RemoteWriteInstruments

    init(handler: RemoteWriteHandler, store: TimeSeriesStore, producer: Producer, registry: Registry) {
        self.handler = handler
        self.store = store
        self.producer = producer
        instruments = RemoteWriteInstruments(registry)
    }

    func respond(to request: HTTPRequest) async -> HTTPReply {
        let result: RemoteWriteResult
        let messages: PayloadBatch
        do {
            let target = try RemoteWriteTarget(
                metricsType: request.headers["M3-Metrics-Type"], storagePolicy: request.headers["M3-Storage-Policy"],
                writeType: request.headers["M3-Write-Type"])
            let type = try Self.prometheusType(request.headers["Prometheus-Metric-Type"])
            var body = try Snappy.decompress(request.body.span.bytes, limit: WireLimits.maxRemoteWriteBytes)
            if let tags = request.headers["M3-Map-Tags-JSON"], !tags.isEmpty {
                body = try MapTags(parsing: tags).applied(to: body)
            }
            result = try handler.handle(
                body.span.bytes, target: target, prometheusType: type, nowNanos: WallClock.nowNanos())
            messages = Self.batch(result.messages)
        } catch let error as WireError {
            instruments.refused(error.reason)
            return .error(400, type: "bad_data", "remote write: \(error)")
        } catch {
            instruments.refused("bad_header")
            return .error(400, type: "bad_data", "remote write: \(error)")
        }
        if producer.isNearlyFull && !messages.entries.isEmpty {
            // Asked first, so that a request that cannot be queued rarely costs a write.
            return unavailable("buffer_full", "the queue to the aggregator is nearly full")
        }
        if !result.samples.isEmpty {
            do {
                let outcome = try await store.write(result.samples)
                instruments.stored(outcome.stored)
            } catch {
                return unavailable(error.reason, "\(error)")
            }
        }
        do {
            try producer.produce(messages)
        } catch .batchTooLarge(let bytes, let limit) {
            // Sent again it would find no room either, and hold up everything behind it.
            instruments.refused("batch_too_large")
            return .error(
                400, type: "bad_data",
                "remote write: its messages for the aggregator take \(bytes) bytes, the queue holds \(limit); split it")
        } catch {
            return unavailable(error.reason, "\(error)")
        }
        instruments.count(result.counts)
        if let text = result.errorText { return .error(400, type: "bad_data", "remote write: \(text)") }
        return HTTPReply(status: 200)
    }

    private func unavailable(_ reason: String, _ text: String) -> HTTPReply {
        instruments.refused(reason)
        var reply = HTTPReply.error(503, type: "unavailable", "remote write: \(text); send the request again")
        reply.headers["Retry-After"] = "1"
        return reply
    }

    private static func batch(_ messages: MessageBuffer) -> PayloadBatch {
        guard !messages.isEmpty else { return PayloadBatch() }
        let bytes = messages.withUnsafeBytes { ByteBuffer(bytes: $0) }
        return PayloadBatch(
            bytes: bytes,
            entries: messages.entries.map {
                PayloadBatch.Entry(shard: $0.shard, offset: $0.range.offset, length: $0.range.count)
            })
    }

    private struct UnknownType: Error, CustomStringConvertible {
        var name: String
        var description: String {
            "Prometheus-Metric-Type '\(name)' is unknown; one of counter, gauge, gauge_histogram, histogram, info, "
                + "stateset, summary"
        }
    }

    private static func prometheusType(_ header: String?) throws(UnknownType) -> SeriesAttributes.PrometheusType? {
        guard let header, !header.isEmpty else { return nil }
        let name = header.lowercased()
        guard
            let type = SeriesAttributes.PrometheusType.allCases.first(where: {
                $0.name == name || $0.name == (name == "stateset" ? "state_set" : name)
            })
        else { throw UnknownType(name: header) }
        return type
    }
}

/// What remote writes brought. Received = queued for the store + not for the store + rejected{reason}.
private final class RemoteWriteInstruments: Sendable {
    private let received: Counter
    private let toStore: Counter
    private let storedSamples: Counter
    private let notStored: Counter
    private let stale: Counter
    private let messages: Counter
    private let unsupported: Counter
    private let registry: Registry

    init(_ registry: Registry) {
        self.registry = registry
        func counter(_ name: String, _ help: String) -> Counter {
            registry.counter("m3agg_coordinator_remote_write_\(name)", help: help)
        }
        received = counter("samples_received_total", "Samples of requests that were taken.")
        toStore = counter("samples_for_storage_total", "Samples handed to the unaggregated namespace.")
        storedSamples = counter("samples_stored_total", "Samples that the unaggregated namespace took.")
        notStored = counter("samples_not_stored_total", "Samples that a rule keeps out of the unaggregated namespace.")
        stale = counter("stale_markers_total", "Stale markers: stored, never sent to the aggregator.")
        messages = counter("messages_total", "Messages queued for the aggregator.")
        unsupported = counter("unsupported_total", "Native histograms and exemplars, which are passed over.")
    }

    func count(_ counts: RemoteWriteCounts) {
        received.add(counts.received)
        toStore.add(counts.stored)
        notStored.add(counts.notStored)
        stale.add(counts.staleMarkers)
        messages.add(counts.messages)
        unsupported.add(counts.histograms + counts.exemplars)
        for (reason, count) in counts.rejected {
            registry.counter(
                "m3agg_coordinator_remote_write_samples_dropped_total", help: "Samples that were refused, by reason.",
                labels: [("reason", reason.rawValue)]
            ).add(count)
        }
    }

    func stored(_ count: Int) { storedSamples.add(count) }

    func refused(_ reason: String) {
        registry.counter(
            "m3agg_coordinator_remote_write_requests_refused_total",
            help: "Requests of which nothing was taken, by reason.", labels: [("reason", reason)]
        ).add()
    }
}
