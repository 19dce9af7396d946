import Metrics

/// Publishing windows again when late values change them.
extension AggregationWorker {
    /// Takes the figures of a row over, in a column where windows may be published again: those that are not may yet
    /// change with the one before them.
    func setAside(_ words: Words, of number: UInt32, start: Int64, _ column: UnsafeMutablePointer<Column>) {
        let revisions = column.pointee.revisions[number] ?? keep(number, column)
        let window: RevisableWindow
        if let known = revisions.window(at: start) {
            window = known
        } else {
            window = RevisableWindow(start: start, shape: column.pointee.shape, pool: pool)
            revisions.insert(window)
        }
        window.figures.update(from: words, count: Int(column.pointee.layout.stride))
        window.hasFigures = true
        window.isInRow = false
        window.isPending = true
        window.isResent = words[0] & RowHead.resendBit != 0
        column.pointee.notePublished(start)
    }

    /// Begins to keep the windows of an element; of those that were published it has the last one, without figures.
    private func keep(_ number: UInt32, _ column: UnsafeMutablePointer<Column>) -> ElementRevisions {
        let revisions = ElementRevisions()
        column.pointee.revisions[number] = revisions
        let shape = column.pointee.shape
        let element = column.pointee.element(number)
        let last = Int64(bitPattern: element[1])
        guard last > .min else { return revisions }
        let window = RevisableWindow(start: last, shape: shape, pool: pool)
        window.isClosed = true
        window.wasFlushed = true
        window.inputs.update(from: element + 2, count: shape.binaryInputs)
        if shape.addsPerType {
            window.totalsAfter.update(from: element + 2 + shape.binaryInputs, count: shape.addTotals)
        }
        revisions.insert(window)
        return revisions
    }

    /// Publishes what was set aside, and closes the windows that can no longer change.
    func publishRevisions(
        of column: UnsafeMutablePointer<Column>, before bound: Int64, resendBound: Int64, _ sink: Sink
    ) {
        for number in column.pointee.revisions.keys.sorted() {
            guard let revisions = column.pointee.revisions[number] else { continue }
            let all = revisions.windows
            for index in indicesToPublish(all, column.pointee.shape) {
                publish(all[index], after: index > 0 ? all[index - 1] : nil, of: number, column)
                handFull(to: sink)
            }
            let done = revisions.close(before: bound, resendBound: resendBound)
            for window in revisions.windows.prefix(done) where window.hasFigures {
                releaseStates(of: Row(window.figures, column.pointee.layout), column)
            }
            revisions.removeFirst(done)
        }
    }

    /// The windows with new values, and those after them whose transformation depends on them: with a binary one the
    /// next window, with a total for each type all of them.
    private func indicesToPublish(_ windows: [RevisableWindow], _ shape: ElementShape) -> [Int] {
        var indices: [Int] = []
        let reachesAll = shape.addsPerType && shape.addTotals > 0
        var isReached = false
        for (index, window) in windows.enumerated() {
            if window.isPending {
                indices.append(index)
                isReached = window.isResent || (isReached && reachesAll)
            } else if isReached, window.wasFlushed, window.hasFigures, !window.isInRow {
                indices.append(index)
                isReached = reachesAll
            } else {
                isReached = false
            }
        }
        return indices
    }

    private func publish(
        _ window: RevisableWindow, after previous: RevisableWindow?, of number: UInt32,
        _ column: UnsafeMutablePointer<Column>
    ) {
        let shape = column.pointee.shape
        let row = Row(window.figures, column.pointee.layout)
        window.isPending = false
        count(consumed: row.count &- window.consumedCount, of: column, start: window.start)
        if window.wasFlushed && !isDiscarding { counters.windowsConsumedAgain &+= 1 }
        window.consumedCount = row.count
        var emission = emission(
            number, window.figures[0], shape.outputTime(ofWindow: window.start), column)
        emission.window = window
        let history = TransformationHistory(
            column.pointee.element(number), shape, window: window, previous: previous)
        evaluate(row, emission, history)
        window.wasFlushed = true
    }
}
