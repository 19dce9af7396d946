import Glibc

/// What a person sees: results on standard output, remarks on standard error.
enum Terminal {
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns of the terminal, 100 when they are not known.
    static var width: Int {
        let columns = Int(size.ws_col)
        return columns > 20 ? columns : 100
    }

    /// Rows of the terminal, 24 when they are not known.
    static var height: Int {
        let rows = Int(size.ws_row)
        return rows > 4 ? rows : 24
    }

    private static var size: winsize {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return winsize() }
        return size
    }

    /// Writes to standard output, in one call so that lines of several threads do not mix.
    static func write(_ text: String) { put(text, STDOUT_FILENO) }

    static func line(_ text: String) { put(text + "\n", STDOUT_FILENO) }

    /// A remark that is no result, on standard error.
    static func note(_ text: String) { put(text + "\n", STDERR_FILENO) }

    private static func put(_ text: String, _ descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let base = rest.baseAddress, !rest.isEmpty {
                let count = Glibc.write(descriptor, base, rest.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}

/// One line of progress that overwrites itself on a terminal and stays silent elsewhere, but for its last state.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var last = ContinuousClock.now - .seconds(1)

    mutating func show(_ text: @autoclosure () -> String) {
        guard isTerminal, ContinuousClock.now - last >= .milliseconds(200) else { return }
        last = .now
        var line = "\r\u{1b}[K" + text()
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    func end() {
        if isTerminal { _ = Glibc.write(STDERR_FILENO, "\r\u{1b}[K", 4) }
    }
}
