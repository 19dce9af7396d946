import Metrics
import Storage
import Synchronization
import Telemetry
import WireFormat

/// Turns payloads of the topic with aggregated metrics into stored samples.
///
/// Each value goes to the namespace of its storage policy, at its window's end. The store decides which messages may
/// be acknowledged: all of them once the write has returned, only the undecodable ones when the store is busy, so that
/// their producer sends the others again. Safe to use from any thread. Source: `docs/http-api.md`, Aggregated metrics.
public final class AggregatedIngester: Sendable {
    public struct Options: Sendable {
        /// Series whose labels are remembered.
        public var maxCachedSeries = 2_000_000
        /// Bytes of their ids and labels.
        public var maxCachedBytes = 512 * 1024 * 1024

        public init() {}
    }

    /// A sample of a batch that was written, for whoever watches. What the store refused of it, such as samples past
    /// their retention, is shown too.
    public struct StoredSample: Sendable, Equatable {
        public var labels: Labels
        public var policy: StoragePolicy
        /// The end of the window, nanoseconds since 1970.
        public var timeNanos: Int64
        public var value: Double
    }

    /// Which messages of a batch are done with.
    public enum Acknowledgement: Sendable, Equatable {
        case all
        /// By index; the others are to be sent again.
        case only([Int])
    }

    public typealias Observer = @Sendable ([StoredSample]) -> Void
    public typealias Write =
        @Sendable (
            SampleBatch, @escaping @Sendable (Result<WriteOutcome, StorageError>) -> Void
        ) -> Void

    private struct State {
        var cache: LabelCache
        var batches: UInt64 = 0
    }

    private let state: Mutex<State>
    private let instruments: IngestInstruments
    private let write: Write
    private let observer: Observer?

    /// - Parameters:
    ///   - write: hands a batch to the store, see `TimeSeriesStore.write(_:completion:)`.
    ///   - observer: is shown what was stored, on the store's thread; costs nothing while nil.
    public init(
        options: Options = Options(), registry: Registry, observer: Observer? = nil, write: @escaping Write
    ) {
        state = Mutex(
            State(
                cache: LabelCache(
                    maxEntries: options.maxCachedSeries, maxBytes: options.maxCachedBytes,
                    // Ids come from outside: a secret seed keeps them from being chosen to collide.
                    seed: UInt64.random(in: .min ... .max))))
        instruments = IngestInstruments(registry: registry)
        self.observer = observer
        self.write = write
    }

    /// Stores the values of some payloads.
    /// - Parameters:
    ///   - payloads: where the messages' values lie in `bytes`; undecodable ones cost the others nothing.
    ///   - nowNanos: nanoseconds since 1970.
    ///   - completion: called once, on any thread, at the latest when the write has returned.
    public func ingest(
        _ bytes: RawSpan, payloads: some Sequence<ByteRange>, nowNanos: Int64,
        completion: @escaping @Sendable (Acknowledgement) -> Void
    ) {
        let decoded = decode(bytes, payloads)
        instruments.count(decoded, nowNanos: nowNanos)
        let rejected = decoded.rejected.map(\.index)
        guard !decoded.samples.isEmpty else {
            completion(.all)
            return
        }
        let watched = decoded.watched
        instruments.inFlight.add(Int64(decoded.samples.count))
        write(decoded.samples) { [instruments, observer, count = decoded.samples.count] result in
            instruments.inFlight.add(-Int64(count))
            switch result {
            case .success(let outcome):
                instruments.count(outcome)
                completion(.all)
                if let observer, !watched.isEmpty { observer(watched) }
            case .failure(let error):
                instruments.countRetry(count, error)
                completion(.only(rejected))
            }
        }
    }

    struct Decoded: Sendable {
        var samples = SampleBatch()
        /// Messages that hold nothing that can be stored.
        var rejected: [(index: Int, reason: String)] = []
        /// Filled only for an observer.
        var watched: [StoredSample] = []
        var messages = 0
        /// The newest window end, nil without samples.
        var newestNanos: Int64?
    }

    func decode(_ bytes: RawSpan, _ payloads: some Sequence<ByteRange>) -> Decoded {
        state.withLock { state in
            state.batches &+= 1
            var decoded = Decoded()
            var lastPolicy: (policy: StoragePolicy, index: UInt32)?
            for (index, payload) in payloads.enumerated() {
                decoded.messages &+= 1
                do {
                    let view = try AggregatedMetricReader.read(bytes, in: payload)
                    let labels = try view.id.withBytes(of: bytes) { id in
                        try state.cache.index(of: id, batch: state.batches) {
                            decoded.samples.addLabels(canonicalBytes: $0)
                        }
                    }
                    let namespace: UInt32
                    if let lastPolicy, lastPolicy.policy == view.storagePolicy {
                        namespace = lastPolicy.index
                    } else {
                        namespace = decoded.samples.index(of: .aggregated(view.storagePolicy))
                        lastPolicy = (view.storagePolicy, namespace)
                    }
                    decoded.samples.append(
                        labels: labels, namespace: namespace, timestampMs: Self.millis(view.timeNanos),
                        value: view.value)
                    decoded.newestNanos = max(decoded.newestNanos ?? .min, view.timeNanos)
                    if observer != nil { watch(view, in: bytes, &decoded) }
                } catch let error as WireError {
                    decoded.rejected.append((index, error.reason))
                } catch {
                    decoded.rejected.append((index, IngestInstruments.invalidID))
                }
            }
            return decoded
        }
    }

    private func watch(_ view: AggregatedMetricView, in bytes: RawSpan, _ decoded: inout Decoded) {
        guard let labels = try? view.id.withBytes(of: bytes, { try Labels(encodedTags: $0) }) else { return }
        decoded.watched.append(
            StoredSample(
                labels: labels, policy: view.storagePolicy, timeNanos: view.timeNanos, value: view.value))
    }

    /// Rounded down, also before 1970.
    private static func millis(_ nanos: Int64) -> Int64 {
        let (quotient, remainder) = nanos.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient &- 1 : quotient
    }
}
