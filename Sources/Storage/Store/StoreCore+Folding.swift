import Synchronization
import Telemetry

/// Late chunks are merged with the ones before them, so that every series of a block has one chunk again.
extension StoreCore {
    /// So long after its last sealing a block with late chunks is folded, or at once when it has many generations.
    private static let foldDelayMs: Int64 = 10 * 60_000
    private static let foldGenerations: UInt32 = 8

    func fold(now: Int64) throws(StorageError) {
        let due = stateLock.read { () -> [(NamespaceState, Int64)] in
            namespaces.flatMap { namespace in
                namespace.sealed.filter { _, block in
                    block.generations > 1
                        && (block.generations >= Self.foldGenerations || now &- block.lastSealMs >= Self.foldDelayMs)
                }.keys.sorted().map { (namespace, $0) }
            }
        }
        for (namespace, start) in due {
            if isShuttingDown { return }
            try foldBlock(namespace, start)
        }
    }

    private struct Chunk {
        var key: [UInt8]
        var value: [UInt8]
    }

    private func foldBlock(_ namespace: NamespaceState, _ start: Int64) throws(StorageError) {
        let id = BlockID(namespace: namespace.id, startMs: start)
        let batch = Database.Batch(database)
        // What is written below doesn't change what the iterator sees.
        let iterator = database.iterator(.chunks)
        iterator.seek(Keys.block(id))
        var chunks: [Chunk] = []
        var current: UInt32?
        while iterator.isValid, let key = Keys.readChunk(iterator.key), key.block == id {
            if key.series != current {
                mergeChunks(chunks, into: batch)
                chunks.removeAll(keepingCapacity: true)
                current = key.series
                if batch.byteCount >= options.maintenanceBatchBytes {
                    try database.write(batch)
                    options.afterMaintenanceBatch?()
                    batch.clear()
                }
            }
            chunks.append(Chunk(key: Array(iterator.key), value: Array(iterator.value)))
            iterator.next()
        }
        try iterator.checkError()
        mergeChunks(chunks, into: batch)
        guard let block = stateLock.read({ namespace.sealed[start] }) else { return }
        batch.put(.blocks, Keys.block(id), SealedBlock.encode(series: block.series.copy(), generations: 1))
        try database.write(batch)
        options.afterMaintenanceBatch?()
        needsSync.store(true, ordering: .releasing)
        stateLock.write { block.generations = 1 }
        instruments.foldedBlocks.add()
    }

    /// Puts one chunk in the place of a series' newest one and deletes the others. A chunk that can't be read is
    /// counted and goes.
    private func mergeChunks(_ chunks: [Chunk], into batch: Database.Batch) {
        guard chunks.count > 1, let newest = chunks.last else { return }
        var samples: [OpenBlock.TimedBits] = []
        for chunk in chunks {
            let before = samples.count
            let failure = SealedChunk.decode(chunk.value) {
                samples.append(OpenBlock.TimedBits(offset: $0, bits: $1))
            }
            if failure != nil {
                samples.removeLast(samples.count - before)
                instruments.countCorrupt(.chunks)
            }
        }
        for chunk in chunks.dropLast() { batch.delete(.chunks, chunk.key) }
        if samples.isEmpty {
            batch.delete(.chunks, newest.key)
        } else {
            batch.put(
                .chunks, newest.key, SealedChunk.encode(OpenBlock.lastWins(samples).lazy.map { ($0.offset, $0.bits) }))
        }
    }
}
