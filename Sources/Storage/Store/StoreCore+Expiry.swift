import Synchronization
import Telemetry

/// Blocks whose last sample is older than the retention go, and with their last block the series and their labels.
extension StoreCore {
    /// Series that are looked at under one hold of the commit lock.
    private static let removalStep = 2_048

    func expire(now: Int64) throws(StorageError) {
        for (namespace, start) in stateLock.read({ expiredBlocks(now: now) }) {
            let id = BlockID(namespace: namespace.id, startMs: start)
            try commitLock.withLock { _ throws(StorageError) in
                let batch = Database.Batch(database)
                batch.deleteRange(.chunks, from: Keys.block(id), to: Keys.afterBlock(id))
                batch.deleteRange(.open, from: Keys.block(id), to: Keys.afterBlock(id))
                batch.delete(.blocks, Keys.block(id))
                try database.write(batch)
                needsSync.store(true, ordering: .releasing)
                stateLock.write {
                    for series in [
                        namespace.sealed.removeValue(forKey: start)?.series,
                        namespace.sealing.removeValue(forKey: start)?.block.series,
                        namespace.open.removeValue(forKey: start)?.series,
                    ] {
                        if let series { removalCandidates.formUnion(series) }
                    }
                }
            }
            instruments.expiredBlocks.add()
            database.compact(.chunks, from: Keys.block(id), to: Keys.afterBlock(id))
            database.compact(.open, from: Keys.block(id), to: Keys.afterBlock(id))
        }
        try removeSeries()
    }

    private func expiredBlocks(now: Int64) -> [(NamespaceState, Int64)] {
        namespaces.flatMap { namespace in
            namespace.blockStarts(in: .all).filter { start in
                start &+ namespace.blockMs <= now &- namespace.retentionMs
            }.map { (namespace, $0) }
        }
    }

    /// Forgets the candidates that are in no block of any namespace.
    private func removeSeries() throws(StorageError) {
        let candidates = commitLock.withLock { _ in
            defer { removalCandidates = SeriesBitmap() }
            return removalCandidates.ids
        }
        var position = 0
        while position < candidates.count {
            let end = min(position + Self.removalStep, candidates.count)
            try commitLock.withLock { _ throws(StorageError) in
                let gone = SeriesBitmap(candidates[position..<end])
                for namespace in namespaces { namespace.subtractAll(from: gone) }
                guard !gone.isEmpty else { return }
                let batch = Database.Batch(database)
                for id in gone.ids { batch.delete(.series, Keys.series(id)) }
                // What a failure leaves over is looked at the next time.
                for id in candidates[position...] { removalCandidates.insert(id) }
                try database.write(batch)
                for id in candidates[position...] { removalCandidates.remove(id) }
                stateLock.write { for id in gone.ids { registry.remove(id) } }
            }
            position = end
        }
    }
}
