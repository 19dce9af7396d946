import Metrics

/// What coordinator and queries need of a store: the embedded ``TimeSeriesStore``, or one that speaks to a remote
/// database in its place. Meaning and errors of each requirement: ``TimeSeriesStore``.
public protocol SampleStore: AnyObject, Sendable {
    func write(_ batch: SampleBatch, completion: @escaping @Sendable (Result<WriteOutcome, StorageError>) -> Void)

    var namespaces: [Namespace] { get }

    func select(
        namespace: Namespace, matchers: [LabelMatcher], startMs: Int64, endMs: Int64, limit: ReadLimit
    ) async throws(StorageError) -> [SeriesData]

    func selectUnion(
        matchers: [LabelMatcher], startMs: Int64, endMs: Int64, limit: ReadLimit
    ) async throws(StorageError) -> [SeriesData]

    func series(
        namespace: Namespace?, matchers: [LabelMatcher], startMs: Int64, endMs: Int64, limit: Int
    ) async throws(StorageError) -> [Labels]

    func labelNames(
        namespace: Namespace?, matchers: [LabelMatcher], startMs: Int64, endMs: Int64
    ) async throws(StorageError) -> [String]

    func labelValues(
        _ name: String, namespace: Namespace?, matchers: [LabelMatcher], startMs: Int64, endMs: Int64
    ) async throws(StorageError) -> [String]
}

extension TimeSeriesStore: SampleStore {}
