import Coordinator
import Metrics
import Synchronization

/// What `--demo` shows: a table that refreshes in place on a terminal, plain lines elsewhere.
final class DemoScreen: Sendable {
    private struct State {
        var board = DemoBoard()
        var drawnLines = 0
        var isDirty = true
    }

    private let isTerminal: Bool
    private let head: [String]
    private let state = Mutex(State())
    private let started = ContinuousClock.now

    /// - Parameter head: lines above the table: what to open and to try.
    init(head: [String], isTerminal: Bool) {
        self.head = head
        self.isTerminal = isTerminal
    }

    /// Takes a value that storage accepted; any thread.
    func record(_ value: AggregatedIngester.StoredSample) {
        state.withLock {
            $0.board.record(
                labels: value.labels, policy: value.policy, timeMs: value.timeNanos / 1_000_000, value: value.value)
            $0.isDirty = true
        }
        if !isTerminal {
            Terminal.line(
                DemoBoard.plainLine(
                    labels: value.labels, policy: value.policy, timeMs: value.timeNanos / 1_000_000, value: value.value)
            )
        }
    }

    /// Redraws every half second until the task is cancelled.
    func run() async {
        if !isTerminal { for line in head { Terminal.line(line) } }
        while !Task.isCancelled {
            if isTerminal { draw() }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    private func draw() {
        let width = Terminal.width
        let height = Terminal.height
        let waited = Int((ContinuousClock.now - started).components.seconds)
        let text = state.withLock { state -> String in
            guard state.isDirty || state.board.isEmpty else { return "" }
            state.isDirty = false
            var lines = head
            lines.append("")
            lines +=
                state.board.isEmpty
                ? ["waiting for the first windows of 10 s to close … \(waited) s"] : state.board.lines()
            // A drawing that is higher than the terminal cannot be drawn over.
            let room = max(height - 3, 1)
            if lines.count > room { lines = lines.prefix(room - 1) + ["… \(lines.count - room + 1) more lines"] }
            lines.append("")
            lines.append("Ctrl-C stops the demo.")
            // Home of the last drawing, every line cleared to its end, and what is below it too.
            var text = state.drawnLines > 0 ? "\u{1b}[\(state.drawnLines)A" : ""
            for line in lines { text += "\r\u{1b}[K" + String(line.prefix(width)) + "\n" }
            text += "\u{1b}[J"
            state.drawnLines = lines.count
            return text
        }
        if !text.isEmpty { Terminal.write(text) }
    }
}
