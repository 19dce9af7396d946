import Metrics

/// What a read may not pass, and what it has used of it.
struct ReadBudget {
    let limit: ReadLimit
    private(set) var series = 0
    private(set) var samples = 0

    init(_ limit: ReadLimit) { self.limit = limit }

    mutating func take(_ data: SeriesData) throws(StorageError) {
        series += 1
        samples += data.timestamps.count
        guard series <= limit.maxSeries else { throw .tooManySeries(limit: limit.maxSeries) }
        guard samples <= limit.maxSamples else { throw .tooManySamples(limit: limit.maxSamples) }
    }
}

/// Reading samples. The state lock is held only to choose series and to copy what memory holds of a few of them;
/// decoding and the disk come after.
extension StoreCore {
    /// Series that are copied under one hold of the lock.
    private static let readStep = 128

    /// Series of a namespace that match, chosen at one moment.
    private struct Choice {
        var ids: [UInt32]
        /// Ids of series that were registered later mean other series.
        var births: UInt64
    }

    func select(
        _ namespace: Namespace, _ matchers: [LabelMatcher], _ range: TimeRange, _ limit: ReadLimit,
        _ cancellation: ReaderPool.Cancellation
    ) throws(StorageError) -> [SeriesData] {
        guard let state = stateLock.read({ namespaceIndexes[namespace].map { namespaces[$0] } }) else {
            throw .unknownNamespace(namespace.description)
        }
        var budget = ReadBudget(limit)
        var result: [SeriesData] = []
        let choice = choose(state, matchers, range, excluding: nil)
        try read(state, choice, range, &budget, cancellation) { _, data in result.append(data) }
        return result.sorted { LabelOrder.precedes($0.labels, $1.labels) }
    }

    /// Every matching series once: from the first namespace in the order of preference that has samples of it.
    func selectUnion(
        _ matchers: [LabelMatcher], _ range: TimeRange, now: Int64, _ limit: ReadLimit,
        _ cancellation: ReaderPool.Cancellation
    ) throws(StorageError) -> [SeriesData] {
        let states = stateLock.read { namespaces }.sorted { Self.isPreferred($0, to: $1, range, now: now) }
        var budget = ReadBudget(limit)
        var result: [SeriesData] = []
        let found = SeriesBitmap()
        for state in states {
            let choice = choose(state, matchers, range, excluding: found)
            try read(state, choice, range, &budget, cancellation) { id, data in
                found.insert(id)
                result.append(data)
            }
        }
        return result.sorted { LabelOrder.precedes($0.labels, $1.labels) }
    }

    /// Namespaces that keep the whole range come first, the unaggregated one before the finest resolution; then the
    /// others, which keep a part of it, by the length of that part.
    private static func isPreferred(
        _ a: NamespaceState, to b: NamespaceState, _ range: TimeRange, now: Int64
    ) -> Bool {
        let aCovers = now &- a.retentionMs <= range.startMs
        let bCovers = now &- b.retentionMs <= range.startMs
        if aCovers != bCovers { return aCovers }
        if !aCovers, a.retentionMs != b.retentionMs { return a.retentionMs > b.retentionMs }
        let resolutions = (a.namespace.policy?.resolutionNanos ?? 0, b.namespace.policy?.resolutionNanos ?? 0)
        if resolutions.0 != resolutions.1 { return resolutions.0 < resolutions.1 }
        return a.retentionMs > b.retentionMs
    }

    private func choose(
        _ state: NamespaceState, _ matchers: [LabelMatcher], _ range: TimeRange, excluding: SeriesBitmap?
    ) -> Choice {
        stateLock.read {
            let series = state.series(in: range)
            if let excluding { series.subtract(excluding) }
            registry.index.filter(series, matchers)
            return Choice(ids: series.ids, births: registry.births)
        }
    }

    private func read(
        _ state: NamespaceState, _ choice: Choice, _ range: TimeRange, _ budget: inout ReadBudget,
        _ cancellation: ReaderPool.Cancellation, _ body: (UInt32, SeriesData) -> Void
    ) throws(StorageError) {
        // Series whose blocks overlap the range but whose samples don't count for nothing: a wide margin here, the
        // exact limit where they are counted.
        guard choice.ids.count / 8 <= budget.limit.maxSeries else {
            throw .tooManySeries(limit: budget.limit.maxSeries)
        }
        var position = 0
        while position < choice.ids.count {
            try cancellation.check()
            let end = min(position + Self.readStep, choice.ids.count)
            var slice = stateLock.read { copy(choice.ids[position..<end], state, choice.births, range) }
            try readChunks(state, &slice)
            for entry in slice.series {
                var assembler = SeriesAssembler(range: range)
                for (index, parts) in entry.parts.enumerated() {
                    assembler.add(parts, blockStart: slice.starts[index]) { instruments.countCorrupt(.chunks) }
                }
                guard !assembler.isEmpty else { continue }
                let data = assembler.finish(labels: entry.labels)
                try budget.take(data)
                body(entry.id, data)
            }
            position = end
        }
    }

    /// Some series with what memory holds of them, and a view of the database of the same moment.
    private struct Slice {
        struct Series {
            var id: UInt32
            var labels: Labels
            /// One per block.
            var parts: [SeriesAssembler.Parts]
        }
        var starts: [Int64]
        var series: [Series] = []
        /// Per block: which places of `series` have chunks on disk.
        var onDisk: [[Int]]
        var snapshot: Database.Snapshot?
    }

    private func copy(
        _ ids: ArraySlice<UInt32>, _ state: NamespaceState, _ births: UInt64, _ range: TimeRange
    ) -> Slice {
        let starts = state.blockStarts(in: range)
        var slice = Slice(starts: starts, onDisk: Array(repeating: [], count: starts.count))
        for id in ids {
            guard let labels = registry.labels(id, bornUntil: births) else { continue }
            slice.series.append(
                Slice.Series(
                    id: id, labels: Labels(canonicalBytes: Array(labels)),
                    parts: Array(repeating: SeriesAssembler.Parts(), count: starts.count)))
        }
        for (block, start) in starts.enumerated() {
            let sealed = state.sealed[start]?.series
            for place in slice.series.indices {
                let id = slice.series[place].id
                if let sealed, sealed.contains(id) { slice.onDisk[block].append(place) }
                for open in [state.sealing[start]?.block, state.open[start]] {
                    if let extract = open?.extract(id) { slice.series[place].parts[block].extracts.append(extract) }
                }
            }
        }
        if slice.onDisk.contains(where: { !$0.isEmpty }) { slice.snapshot = database.snapshot() }
        return slice
    }

    private func readChunks(_ state: NamespaceState, _ slice: inout Slice) throws(StorageError) {
        guard let snapshot = slice.snapshot else { return }
        let iterator = snapshot.iterator(.chunks)
        for (block, start) in slice.starts.enumerated() {
            let id = BlockID(namespace: state.id, startMs: start)
            for place in slice.onDisk[block] {
                let series = slice.series[place].id
                // Neighbours on disk are often neighbours here: a step is cheaper than a search.
                let isHere =
                    iterator.isValid
                    && Keys.readChunk(iterator.key).map { $0.block == id && $0.series == series } ?? false
                if !isHere { iterator.seek(Keys.chunk(id, series: series, generation: 0)) }
                while iterator.isValid, let key = Keys.readChunk(iterator.key), key.block == id, key.series == series {
                    slice.series[place].parts[block].chunks.append(Array(iterator.value))
                    iterator.next()
                }
                do {
                    try iterator.checkError()
                } catch {
                    // A damaged file costs the series in it, not the others.
                    instruments.countCorrupt(.chunks)
                }
            }
        }
        slice.snapshot = nil
    }
}
