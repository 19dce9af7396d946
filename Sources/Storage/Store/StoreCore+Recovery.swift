import Metrics

/// What a start does: reads the series and which blocks there are, and replays the samples of open blocks.
extension StoreCore {
    private static let format: [UInt8] = Array("1".utf8)

    func recover(now: Int64) throws(StorageError) {
        try checkFormat()
        try recoverNamespaces()
        try recoverSeries()
        try recoverBlocks(now: now)
        try recoverGeneration()
        try replayOpen(now: now)
        try removeOrphans()
    }

    private func checkFormat() throws(StorageError) {
        if let found = try database.get(.meta, Keys.format) {
            guard found == Self.format else {
                throw .unsupportedFormat(
                    found: String(decoding: found, as: UTF8.self),
                    supported: String(decoding: Self.format, as: UTF8.self))
            }
            return
        }
        let batch = Database.Batch(database)
        batch.put(.meta, Keys.format, Self.format)
        try database.write(batch, sync: true)
    }

    private func recoverNamespaces() throws(StorageError) {
        let iterator = database.iterator(.meta)
        iterator.seek(Keys.namespacePrefix)
        while iterator.isValid, iterator.key.starts(with: Keys.namespacePrefix) {
            // Ids are given in order and never taken back, so that a place in the array is the id.
            let id = UInt16(truncatingIfNeeded: namespaces.count)
            guard Array(iterator.key) == Keys.namespace(id), let namespace = NamespaceState.decode(iterator.value)
            else {
                throw .database(
                    operation: "read namespace \(namespaces.count)", message: "its record is damaged or missing")
            }
            addToMemory(namespace)
            namespaces[Int(id)].isPersisted = true
            iterator.next()
        }
        try iterator.checkError()
    }

    func addToMemory(_ namespace: Namespace) {
        namespaceIndexes[namespace] = namespaces.count
        namespaces.append(
            NamespaceState(
                id: UInt16(truncatingIfNeeded: namespaces.count), namespace: namespace,
                unaggregatedRetentionMs: options.unaggregatedRetentionMs))
    }

    private func recoverSeries() throws(StorageError) {
        let iterator = database.iterator(.series)
        iterator.seekToFirst()
        while iterator.isValid {
            if iterator.key.count == 4, Self.areCanonical(iterator.value) {
                let id = UInt32(bigEndian: iterator.key.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
                registry.restore(id, iterator.value)
            } else {
                instruments.countCorrupt(.series)
            }
            iterator.next()
        }
        try iterator.checkError()
    }

    private func recoverBlocks(now: Int64) throws(StorageError) {
        let iterator = database.iterator(.blocks)
        iterator.seekToFirst()
        while iterator.isValid {
            guard let id = Keys.readBlock(iterator.key), Int(id.namespace) < namespaces.count else {
                instruments.countCorrupt(.blocks)
                iterator.next()
                continue
            }
            let block: SealedBlock
            if let (series, generations) = SealedBlock.decode(iterator.value) {
                block = SealedBlock(series: series, generations: generations, lastSealMs: now)
            } else {
                instruments.countCorrupt(.blocks)
                block = SealedBlock(series: try seriesOfChunks(id), generations: 2, lastSealMs: now)
            }
            namespaces[Int(id.namespace)].sealed[id.startMs] = block
            iterator.next()
        }
        try iterator.checkError()
    }

    /// Which series a block holds, from the keys of its chunks.
    private func seriesOfChunks(_ block: BlockID) throws(StorageError) -> SeriesBitmap {
        let result = SeriesBitmap()
        let iterator = database.iterator(.chunks)
        iterator.seek(Keys.block(block))
        while iterator.isValid, let key = Keys.readChunk(iterator.key), key.block == block {
            result.insert(key.series)
            iterator.next()
        }
        try iterator.checkError()
        return result
    }

    private func recoverGeneration() throws(StorageError) {
        guard let bytes = try database.get(.meta, Keys.generation), bytes.count == 4 else { return }
        generation = bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
    }

    private func replayOpen(now: Int64) throws(StorageError) {
        let iterator = database.iterator(.open)
        iterator.seekToFirst()
        while iterator.isValid {
            if let (id, sequence) = Keys.readOpen(iterator.key), Int(id.namespace) < namespaces.count {
                nextSequence = max(nextSequence, sequence &+ 1)
                let namespace = namespaces[Int(id.namespace)]
                let block = namespace.open[id.startMs] ?? OpenBlock(id: id, now: now)
                var hasUnknown = false
                let isRecord = OpenRecord.read(iterator.value) { sample in
                    if registry.labels(sample.series) != nil, Int64(sample.offset) < namespace.blockMs {
                        block.append(sample)
                    } else {
                        hasUnknown = true
                    }
                }
                if !isRecord || hasUnknown { instruments.countCorrupt(.open) }
                if block.seriesCount > 0 { namespace.open[id.startMs] = block }
            } else {
                instruments.countCorrupt(.open)
            }
            iterator.next()
        }
        try iterator.checkError()
    }

    /// Forgets series without a sample, which a stop in the middle of an expiry leaves behind.
    private func removeOrphans() throws(StorageError) {
        let used = SeriesBitmap()
        for namespace in namespaces { used.formUnion(namespace.series(in: .all)) }
        let batch = Database.Batch(database)
        for id in registry.allIDs where !used.contains(id) {
            registry.remove(id)
            batch.delete(.series, Keys.series(id))
        }
        if batch.count > 0 { try database.write(batch) }
        registry.rebuildFreeIDs(excluding: used)
    }

    /// Whether bytes are labels in their canonical form: whole, not too long, names unique and in order.
    static func areCanonical(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= Labels.maxEncodedBytes, var tags = try? EncodedTags.Iterator(bytes) else { return false }
        var previous: Range<Int>?
        for _ in 0..<tags.count {
            guard let tag = try? tags.next() else { return false }
            if let previous, !bytes[previous].lexicographicallyPrecedes(bytes[tag.name]) { return false }
            previous = tag.name
        }
        return tags.offset == bytes.count
    }
}
