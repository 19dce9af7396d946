import Metrics

/// Which shards are the worker's, and when.
extension AggregationWorker {
    /// Takes other shards. Series and open windows of shards that are no longer the worker's go; their values are
    /// counted as discarded for ``DiscardReason/shardRemoved``. Shards that stay keep everything.
    /// - Parameters:
    ///   - shards: all shards that are the worker's from now on.
    ///   - instanceShards: those of all workers of the instance, as for the initialiser.
    public func update(shards: [OwnedShard], instanceShards: [UInt32]? = nil) {
        let before = Set(ownedShards.keys)
        assign(shards, instanceShards: instanceShards)
        let removed = before.subtracting(ownedShards.keys)
        if !removed.isEmpty { remove(removed) }
    }

    func assign(_ shards: [OwnedShard], instanceShards: [UInt32]?) {
        let numShards = max(options.numShards, 1)
        owners = Array(repeating: instanceShards == nil ? .anotherWorker : .nobody, count: Int(numShards))
        ownedShards = [:]
        writableFrom = .min
        writableBefore = .max
        for shard in instanceShards ?? [] where shard < numShards { owners[Int(shard)] = .anotherWorker }
        for shard in shards where shard.shard < numShards {
            owners[Int(shard.shard)] = .thisWorker
            ownedShards[shard.shard] = shard
            let range = shard.writableRange(options)
            writableFrom = max(writableFrom, range.from)
            writableBefore = min(writableBefore, range.before)
        }
    }

    private func remove(_ shards: Set<UInt32>) {
        let numShards = UInt32(owners.count)
        var slot = 0
        while slot < table.slotCount {
            let ref = table.recordInSlot(slot)
            if ref != 0, shards.contains(Murmur3.shard(of: table.id(ref), numShards: numShards)) {
                // Removal may move another record into the slot, which is looked at next.
                expire(ref, slot: slot)
            } else {
                slot += 1
            }
        }
        for number in columns.numbers where shards.contains(columns[number].pointee.shard) {
            discardAll(of: columns[number], .shardRemoved)
            collectElements(of: number)
        }
        for index in buckets.indices { buckets[index].removeLists { shards.contains($0) } }
        for shard in shards {
            firstSeriesAt[shard] = nil
            newSeriesLimiters[shard] = nil
        }
    }

    /// Works out whether values of a batch may be refused before they reach their series.
    func noteRestrictions(now: Int64) {
        restrictsWrites =
            runtime.valuesPerMetricLimitPerSecond > 0 || now < writableFrom || now >= writableBefore
    }

    /// Why a value is refused at this time, as far as its shard and its series' rate are concerned.
    func refusal(of id: UnsafeRawBufferPointer, _ ref: UInt32, _ values: Int, _ now: Int64) -> DropReason? {
        if now < writableFrom || now >= writableBefore {
            let shard = Murmur3.shard(of: id, numShards: UInt32(owners.count))
            if let range = ownedShards[shard]?.writableRange(options), now < range.from || now >= range.before {
                return .shardNotWritable
            }
        }
        return ref != 0 && exceedsValueLimit(ref, values, now) ? .valueRateLimit : nil
    }

    // MARK: Rate limits

    /// Sets other limits; what the present second has used up is forgotten where a limit changes.
    public func apply(_ runtime: AggregatorRuntimeOptions) {
        let old = self.runtime
        self.runtime = runtime
        if runtime.valuesPerMetricLimitPerSecond != old.valuesPerMetricLimitPerSecond { valueLimiters = [:] }
        if runtime.newMetricLimitPerShardPerSecond != old.newMetricLimitPerShardPerSecond { newSeriesLimiters = [:] }
    }

    func exceedsValueLimit(_ ref: UInt32, _ values: Int, _ now: Int64) -> Bool {
        let limit = runtime.valuesPerMetricLimitPerSecond
        if limit <= 0 { return false }
        return !valueLimiters[ref, default: RateLimiter()].isAllowed(Int64(values), limit: limit, now: now)
    }

    func allowsNewSeries(inShard shard: UInt32, now: Int64) -> Bool {
        let first = firstSeriesAt[shard] ?? now
        firstSeriesAt[shard] = first
        let limit = runtime.newMetricLimitPerShardPerSecond
        if limit <= 0 || now < first.addingSaturating(options.newMetricNoLimitWarmupNanos) { return true }
        return newSeriesLimiters[shard, default: RateLimiter()].isAllowed(1, limit: limit, now: now)
    }
}
