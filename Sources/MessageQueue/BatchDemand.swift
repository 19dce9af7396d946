import NIOCore
import Telemetry

/// What one batch asks of a producer's buffers and lanes: sums per group of shards, so that admission doesn't look at
/// messages one by one.
struct BatchDemand {
    private var bytesOfGroup: [Int]
    private var messagesOfGroup: [Int]
    private var tooLargeOfGroup: [Int]
    private var lanesOfService: [UInt64]
    /// Bytes per buffer.
    private var bytesOfAccount: [Int]
    private var total = 0
    private var charges: [BatchCharge?]
    private var isAdmitted: [Bool]
    /// True when batches were dropped at once to make room.
    private(set) var mustSweep = false

    init(
        _ batch: PayloadBatch, table: RouteTable, numberOfShards: Int, accounts: Int, maxMessageBytes: Int
    ) throws(ProducerError) {
        bytesOfGroup = Array(repeating: 0, count: table.numberOfGroups)
        messagesOfGroup = bytesOfGroup
        tooLargeOfGroup = bytesOfGroup
        lanesOfService = Array(repeating: 0, count: table.services.count)
        bytesOfAccount = Array(repeating: 0, count: accounts)
        charges = []
        isAdmitted = []
        let available = batch.bytes.readableBytes
        for entry in batch.entries {
            let shard = Int(entry.shard)
            guard shard < numberOfShards else { throw .shardOutOfRange(shard: entry.shard, shards: numberOfShards) }
            guard Int(entry.offset) + Int(entry.length) <= available else {
                throw .entryOutOfBounds(offset: entry.offset, length: entry.length, bytes: available)
            }
            let isTooLarge = Int(entry.length) > maxMessageBytes
            let cost = Int(entry.length) + ProducerOptions.overheadPerMessage
            if !isTooLarge { total += cost }
            var firstGroup = 0
            for index in table.services.indices {
                let group = firstGroup + Int(table.services[index].groupOfShard[shard])
                if isTooLarge {
                    tooLargeOfGroup[group] += 1
                } else {
                    bytesOfGroup[group] += cost
                    messagesOfGroup[group] += 1
                    lanesOfService[index] |= table.services[index].laneMaskOfShard[shard]
                }
                firstGroup += table.services[index].groups.count
            }
        }
    }

    /// Takes room in the buffers, or throws and takes none.
    mutating func admit(
        to state: inout Admission.State, admission: Admission, options: ProducerOptions, wallNanos: Int64,
        completion: BatchCompletion? = nil
    ) throws(ProducerError) {
        sumAccounts(state.table, isOne: options.bufferScope == .shared)
        for (account, bytes) in bytesOfAccount.enumerated() where bytes > state.accounts[account].limit {
            throw .batchTooLarge(bytes: bytes, limit: state.accounts[account].limit)
        }
        isAdmitted = bytesOfAccount.indices.map { account in
            options.onFull == .dropOldest || state.accounts[account].hasRoom(for: bytesOfAccount[account])
        }
        try refuseIfUncovered(state)
        completion?.wait(
            for: state.table.services.map { service in
                service.accounts.filter { bytesOfAccount[$0] > 0 && isAdmitted[$0] }
            })
        charges = bytesOfAccount.indices.map { account in
            guard bytesOfAccount[account] > 0, isAdmitted[account] else { return nil }
            let (handle, sequence) = state.accounts[account].admit(bytesOfAccount[account])
            return BatchCharge(
                admission: admission, account: account, handle: handle, sequence: sequence,
                marks: state.marks[account], completion: completion)
        }
        for account in charges.indices where charges[account] != nil && state.accounts[account].excess == .dropNow {
            if state.dropOldest(account, wallNanos: wallNanos) { mustSweep = true }
        }
        count(state, wallNanos: wallNanos)
    }

    private mutating func sumAccounts(_ table: RouteTable, isOne: Bool) {
        if isOne {
            bytesOfAccount[0] = total
            return
        }
        var group = 0
        for service in table.services {
            for accounts in service.groups {
                for account in accounts { bytesOfAccount[account] += bytesOfGroup[group] }
                group += 1
            }
        }
    }

    /// Every message that has replicas must find room with one of them.
    private func refuseIfUncovered(_ state: Admission.State) throws(ProducerError) {
        var group = 0
        for service in state.table.services {
            for accounts in service.groups {
                if messagesOfGroup[group] > 0, let first = accounts.first, !accounts.contains(where: { isAdmitted[$0] })
                {
                    throw .bufferFull(
                        service: service.writer.name, bufferedBytes: state.accounts[first].bytes,
                        limit: state.accounts[first].limit)
                }
                group += 1
            }
        }
    }

    private func count(_ state: Admission.State, wallNanos: Int64) {
        var group = 0
        for service in state.table.services {
            let counters = service.writer.counters
            for accounts in service.groups {
                let messages = messagesOfGroup[group]
                let tooLarge = tooLargeOfGroup[group]
                group += 1
                guard messages > 0 || tooLarge > 0 else { continue }
                let references = max(1, accounts.count)
                counters.produced.add((messages + tooLarge) * references)
                counters.drop(.tooLarge, tooLarge * references)
                if accounts.isEmpty { counters.drop(.noWriter, messages) }
                for account in accounts where !isAdmitted[account] {
                    counters.drop(.bufferFull, messages)
                    state.marks[account].lost.add(messages)
                    state.marks[account].markIncomplete(at: wallNanos)
                }
            }
        }
    }

    /// Hands the batch to every lane that serves one of its shards.
    func submit(_ batch: PayloadBatch, table: RouteTable) {
        for (index, service) in table.services.enumerated() {
            var lanes = lanesOfService[index]
            guard lanes != 0 else { continue }
            var mine: [(account: Int, charge: BatchCharge?)] = []
            for account in service.accounts where isAdmitted[account] {
                mine.append((account, charges[account]))
            }
            let bytes = batch.bytes.readableBytes / max(1, lanes.nonzeroBitCount)
            while lanes != 0 {
                service.writer.lanes[lanes.trailingZeroBitCount].submit(.batch(batch, mine), bytes: bytes)
                lanes &= lanes &- 1
            }
        }
    }
}
