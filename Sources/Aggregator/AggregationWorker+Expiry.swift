import Metrics

/// Forgetting series that are no longer written, and what nobody uses any more.
extension AggregationWorker {
    /// The slots that one tick looks at: a million series are seen in half a minute at one tick a second.
    private static let slotsPerTick = 65_536
    /// Pages that were idle for so long are freed.
    private static let trimIntervalNanos: Int64 = 60_000_000_000

    /// Looks at a part of the series and forgets those that were not written for longer than the time to live. Their
    /// open windows are published when they are due.
    public func tick(now: Int64) {
        let ttl = options.entryTTLNanos
        var looked = 0
        while looked < min(Self.slotsPerTick, table.slotCount) {
            looked += 1
            if tickSlot >= table.slotCount { tickSlot = 0 }
            let ref = table.recordInSlot(tickSlot)
            guard ref != 0, now.subtractingSaturating(table.record(ref).pointee.lastAccess) > ttl else {
                tickSlot += 1
                continue
            }
            // Removal may move another record into the slot, which is looked at next.
            expire(ref, slot: tickSlot)
        }
        if annotations.needsSweep { sweepAnnotations() }
        if now.subtractingSaturating(trimmedAt) > Self.trimIntervalNanos {
            trimmedAt = now
            pool.trim()
        }
    }

    func expire(_ ref: UInt32, slot: Int) {
        let record = table.record(ref)
        for element in elements(of: record) { tombstone(element) }
        clearElements(of: record)
        if record.pointee.metadata != 0 { metadatas.release(record.pointee.metadata) }
        record.pointee.metadata = 0
        record.pointee.stage = SeriesRecord.unsettled
        table.removeSlot(slot)
        counters.seriesExpired &+= 1
        releaseRecord(ref)
    }

    private func sweepAnnotations() {
        annotations.sweep { isUsed in
            for number in columns.numbers {
                let column = columns[number]
                for window in column.pointee.windows {
                    window.forEachRow { isUsed[Int(RowHead.annotation($1[0]))] = true }
                }
            }
        }
    }
}
