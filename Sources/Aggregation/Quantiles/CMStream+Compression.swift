/// The two walks over the samples: merging waiting values in, and merging neighbours.
extension CMStream {
    /// Merges the values of ``more`` into the samples and lets ``less`` be the next to be merged.
    func insert() {
        if moreHasNaN { CMHeap.sortWithNaN(&more) } else { RadixSort.sort(&more) }
        merge()
        more.removeAll(keepingCapacity: true)
        moreHasNaN = false
        swapBuffers()
    }

    private func merge() {
        let present = sampleCount
        guard present > 0, !more.isEmpty else { return }
        let capacity = present + more.count
        if spare.count < capacity {
            spare = [Sample](repeating: Sample(value: 0, ranks: 0, delta: 0), count: capacity)
        }
        let head = head
        let tail = tail
        let written = samples.withUnsafeBufferPointer { samples in
            more.withUnsafeBufferPointer { values in
                spare.withUnsafeMutableBufferPointer { merged in
                    var written = 0
                    var next = 0
                    for index in head..<tail {
                        let sample = samples[index]
                        while next < values.count, values[next] <= sample.value {
                            merged[written] = Sample(
                                value: values[next], ranks: 1, delta: sample.ranks &+ sample.delta &- 1)
                            written &+= 1
                            next &+= 1
                        }
                        merged[written] = sample
                        written &+= 1
                    }
                    // Only a NaN keeps a value from standing behind the last sample: it and the rest are dropped.
                    while next < values.count, values[next] >= merged[written &- 1].value {
                        merged[written] = Sample(value: values[next], ranks: 1, delta: 0)
                        written &+= 1
                        next &+= 1
                    }
                    return written
                }
            }
        }
        count &+= written &- present
        swap(&samples, &spare)
        self.head = 0
        self.tail = written
    }

    /// Merges samples into their right neighbours, from the end to the start, as far as the thresholds allow. The
    /// first and the last sample stay.
    func compress() {
        let total = tail
        guard total - head >= 3 else { return }
        let count = count
        let first = head
        let thresholds = thresholds
        head = samples.withUnsafeMutableBufferPointer { samples in
            var rank = count &- 1 &- Int(samples[total &- 2].ranks)
            // Survivors are written from the end; `right` is the leftmost of them, not yet written.
            var write = total &- 2
            var right = samples[total &- 2]
            var index = total &- 3
            while index > first {
                let sample = samples[index]
                let maxRank = rank &+ Int(sample.ranks) &+ Int(sample.delta)
                rank = rank &- Int(sample.ranks)
                let ranks = Int(sample.ranks &+ right.ranks &+ right.delta)
                if ranks <= thresholds.threshold(rank: maxRank, count: count) {
                    right.ranks = right.ranks &+ sample.ranks
                } else {
                    samples[write] = right
                    write &-= 1
                    right = sample
                }
                index &-= 1
            }
            samples[write] = right
            if write &- 1 != first { samples[write &- 1] = samples[first] }
            return write &- 1
        }
    }
}
