/// M3's stream of samples with targeted quantiles, bit by bit.
///
/// After Cormode and Muthukrishnan: it keeps some of the values with bounds on their ranks, and merges neighbours as
/// far as the targets allow. Values wait in two buffers, those from the first sample up and those below it; after
/// every so many values one buffer is merged into the samples and the samples are compressed. M3 keeps a linked list;
/// both steps walk it from end to end, so here the samples lie in two arrays that take turns.
/// Quirks are M3's: at most one quantile is settled per sample, targets that are not ascending hide each other, a
/// quantile may stay unset (0). NaN: see ``addBatch(_:)-(UnsafeBufferPointer<Double>)``.
/// Source: `docs/aggregations.md`.
public final class CMStream {
    struct Sample {
        var value: Double
        /// How many values this sample stands for. 32 bits halve the memory: a window holds less than 2^31 values.
        var ranks: Int32
        /// How uncertain its rank is.
        var delta: Int32
    }

    let thresholds: CMThresholds
    let insertAndCompressEvery: Int
    /// The quantiles that can be asked for, in the order in which they are looked up.
    public var quantiles: [Double] { thresholds.quantiles }

    /// Storage of the samples, which are those in `head..<tail`, ascending by value.
    var samples: [Sample] = []
    var head = 0
    var tail = 0
    /// Storage that the next merge writes to.
    var spare: [Sample] = []
    /// Values below the first sample.
    var less: [Double] = []
    /// Values from the first sample up, and NaN: the next to be merged.
    var more: [Double] = []
    var lessHasNaN = false
    var moreHasNaN = false
    /// How many values the samples stand for.
    var count = 0
    private var sinceCompression = 0
    private var isFlushed = false
    var computed: [Double]

    /// - Parameters:
    ///   - quantiles: the targets in 0...1, in M3 those of the element's types in their order.
    ///   - eps: the error in ranks, as a share of the number of values; more than 0, less than 0.5.
    ///   - insertAndCompressEvery: how many values wait before they are merged; at least 1.
    /// - Throws: ``QuantileEstimatorError``
    public init(
        quantiles: [Double], eps: Double = 1e-3, insertAndCompressEvery: Int = 1_024
    ) throws(QuantileEstimatorError) {
        try QuantileEstimator.m3(eps: eps, insertAndCompressEvery: insertAndCompressEvery).validate()
        thresholds = CMThresholds(quantiles: quantiles, eps: eps)
        self.insertAndCompressEvery = insertAndCompressEvery
        computed = [Double](repeating: 0, count: quantiles.count)
    }

    /// The number of samples that are kept.
    public var sampleCount: Int { tail - head }

    /// The bytes that samples and waiting values take.
    public var memoryBytes: Int {
        let perSample = MemoryLayout<Sample>.stride
        return (samples.capacity + spare.capacity) * perSample + (less.capacity + more.capacity) * 8
    }

    /// Back to a fresh stream.
    /// - Parameter keepingCapacity: whether the memory stays for the next window.
    public func reset(keepingCapacity: Bool = true) {
        if !keepingCapacity {
            samples = []
            spare = []
        }
        head = 0
        tail = 0
        less.removeAll(keepingCapacity: keepingCapacity)
        more.removeAll(keepingCapacity: keepingCapacity)
        lessHasNaN = false
        moreHasNaN = false
        count = 0
        sinceCompression = 0
        isFlushed = false
        for index in computed.indices { computed[index] = 0 }
    }

    /// Adds values. How they are cut into batches matters to M3 where the first sample changes in between.
    ///
    /// NaN as the first value makes every result NaN. A later NaN, as in M3, keeps values that M3's heap orders
    /// behind it out of the samples.
    public func addBatch(_ values: UnsafeBufferPointer<Double>) {
        isFlushed = false
        guard let first = values.first else { return }
        var next = 0
        if sampleCount == 0 {
            if samples.isEmpty { samples.append(Sample(value: first, ranks: 1, delta: 0)) }
            samples[0] = Sample(value: first, ranks: 1, delta: 0)
            head = 0
            tail = 1
            count = 1
            next = 1
        }
        let pivot = samples[head].value
        while next < values.count {
            if sinceCompression == insertAndCompressEvery {
                // M3 counts before it checks: the value that finds the buffer full is part of what is merged.
                append(values[next], pivot)
                next &+= 1
                insert()
                compress()
                sinceCompression = 1
                continue
            }
            let run = Swift.min(values.count &- next, insertAndCompressEvery &- sinceCompression)
            append(UnsafeBufferPointer(rebasing: values[next..<(next &+ run)]), pivot)
            sinceCompression &+= run
            next &+= run
        }
    }

    public func addBatch(_ values: [Double]) {
        values.withUnsafeBufferPointer { addBatch($0) }
    }

    public func add(_ value: Double) {
        withUnsafePointer(to: value) { addBatch(UnsafeBufferPointer(start: $0, count: 1)) }
    }

    private func append(_ values: UnsafeBufferPointer<Double>, _ pivot: Double) {
        for value in values { append(value, pivot) }
    }

    @inline(__always) private func append(_ value: Double, _ pivot: Double) {
        if value < pivot {
            less.append(value)
        } else {
            more.append(value)
            if value.isNaN { moreHasNaN = true }
        }
    }

    /// Merges all that waits and settles the quantiles. Values may be added afterwards.
    public func flush() {
        if isFlushed { return }
        while !less.isEmpty || !more.isEmpty {
            if more.isEmpty { swapBuffers() }
            insert()
            compress()
        }
        computeQuantiles()
        isFlushed = true
    }

    func swapBuffers() {
        swap(&less, &more)
        swap(&lessHasNaN, &moreHasNaN)
    }

    /// The first sample: the least value unless NaN came in; 0 without values.
    public var min: Double {
        flush()
        return sampleCount == 0 ? 0 : samples[head].value
    }

    /// The last sample: the greatest value unless NaN came in; 0 without values.
    public var max: Double {
        flush()
        return sampleCount == 0 ? 0 : samples[tail - 1].value
    }

    /// The value of the first target that is not below a quantile.
    /// - Returns: 0 without values; NaN outside 0...1 or above all targets.
    public func quantile(_ quantile: Double) -> Double {
        flush()
        guard quantile >= 0 && quantile <= 1 else { return .nan }
        if sampleCount == 0 { return 0 }
        if quantile == 0 { return samples[head].value }
        if quantile == 1 { return samples[tail - 1].value }
        for (index, target) in quantiles.enumerated() where target >= quantile { return computed[index] }
        return .nan
    }

    private func computeQuantiles() {
        let targets = quantiles
        if targets.isEmpty || count == 0 { return }
        if count <= 3 {
            let present = sampleCount
            for (index, quantile) in targets.enumerated() {
                let position = Swift.min(CMThresholds.integer(quantile * Double(present)), present - 1)
                computed[index] = samples[head + Swift.max(position, 0)].value
            }
            return
        }
        let ranks = targets.map { CMThresholds.integer(($0 * Double(count)).rounded(.up)) }
        let slacks = ranks.map { rank in
            CMThresholds.integer((Double(thresholds.threshold(rank: rank, count: count)) / 2).rounded(.up))
        }
        var minRank = 0
        var maxRank = 0
        var next = 0
        var previous = samples[head].value
        for index in head..<tail where next < targets.count {
            let sample = samples[index]
            maxRank = minRank &+ Int(sample.ranks) &+ Int(sample.delta)
            if maxRank > ranks[next] &+ slacks[next] || minRank > ranks[next] {
                computed[next] = previous
                next += 1
            }
            minRank = minRank &+ Int(sample.ranks)
            previous = sample.value
        }
        while next < targets.count {
            if maxRank >= ranks[next] &+ slacks[next] || minRank > ranks[next] { computed[next] = previous }
            next += 1
        }
    }
}
