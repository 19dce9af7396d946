import Synchronization
import Telemetry

/// Open blocks become chunks on disk.
extension StoreCore {
    /// Seals the blocks whose time has come, and the oldest ones while open blocks take too much memory.
    func seal(now: Int64) throws(StorageError) {
        // Blocks whose sealing failed before come first: their successors can't be sealed until they are done.
        for (namespace, start) in stateLock.read({ blocksBeingSealed() }) {
            try writeSealed(namespace, start, now: now)
        }
        for (namespace, start) in stateLock.read({ blocksToSeal(now: now) }) {
            if isShuttingDown { return }
            commitLock.withLock { _ in
                stateLock.write {
                    if let block = namespace.open.removeValue(forKey: start) {
                        namespace.sealing[start] = (block, nextSequence)
                    }
                }
            }
            try writeSealed(namespace, start, now: now)
        }
    }

    private func blocksBeingSealed() -> [(NamespaceState, Int64)] {
        namespaces.flatMap { namespace in namespace.sealing.keys.sorted().map { (namespace, $0) } }
    }

    private func blocksToSeal(now: Int64) -> [(NamespaceState, Int64)] {
        var due: [(NamespaceState, Int64)] = []
        var others: [(namespace: NamespaceState, start: Int64, bytes: Int)] = []
        var bytes = 0
        for namespace in namespaces {
            for (start, block) in namespace.open where namespace.sealing[start] == nil {
                let isOver = now >= start &+ namespace.blockMs &+ options.sealDelayMs
                let isQuiet =
                    now &- block.lastWriteMs >= options.lateSealDelayMs
                    || now &- block.createdMs >= 5 * options.lateSealDelayMs
                if isOver && isQuiet {
                    due.append((namespace, start))
                } else {
                    others.append((namespace, start, block.memoryBytes))
                    bytes &+= block.memoryBytes
                }
            }
        }
        for block in others.sorted(by: { $0.start < $1.start }) where bytes > options.maxOpenBytes / 2 {
            due.append((block.namespace, block.start))
            bytes &-= block.bytes
        }
        return due
    }

    /// Writes a frozen block's chunks. The last batch also deletes its samples from the family `open`: a stop before
    /// it leaves chunks that say the same as the samples that are replayed.
    private func writeSealed(_ namespace: NamespaceState, _ start: Int64, now: Int64) throws(StorageError) {
        let found = stateLock.read { () -> (block: OpenBlock, cut: UInt64, earlier: SealedBlock?)? in
            namespace.sealing[start].map { ($0.block, $0.cut, namespace.sealed[start]) }
        }
        guard let (block, cut, earlier) = found else { return }
        let id = block.id
        let series = earlier?.series.copy() ?? SeriesBitmap()
        let generations = (earlier?.generations ?? 0) &+ 1
        generation &+= 1
        let batch = Database.Batch(database)
        batch.put(.meta, Keys.generation, withUnsafeBytes(of: generation.littleEndian) { Array($0) })
        var isFirst = true
        try block.forEachChunk { (seriesID, chunk) throws(StorageError) in
            batch.put(.chunks, Keys.chunk(id, series: seriesID, generation: generation), chunk)
            guard batch.byteCount >= options.maintenanceBatchBytes else { return }
            if isFirst {
                // A stop from here on leaves chunks of one generation more.
                batch.put(.blocks, Keys.block(id), SealedBlock.encode(series: series, generations: generations))
                isFirst = false
            }
            try database.write(batch)
            options.afterMaintenanceBatch?()
            batch.clear()
        }
        series.formUnion(block.series)
        batch.put(.blocks, Keys.block(id), SealedBlock.encode(series: series, generations: generations))
        batch.deleteRange(.open, from: Keys.block(id), to: Keys.open(id, sequence: cut))
        try database.write(batch)
        options.afterMaintenanceBatch?()
        needsSync.store(true, ordering: .releasing)
        stateLock.write {
            namespace.sealing[start] = nil
            namespace.sealed[start] = SealedBlock(series: series, generations: generations, lastSealMs: now)
        }
        instruments.sealedBlocks.add()
        database.compact(.open, from: Keys.block(id), to: Keys.open(id, sequence: cut))
        updateGauges()
    }
}
