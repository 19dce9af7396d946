/// Lines and columns of a text in UTF-8, counted as YAML does: from 1, columns in characters of Unicode.
struct TextPlaces {
    private let bytes: [UInt8]
    private let lineStarts: [Int]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var starts = [0]
        var at = 0
        while at < bytes.count {
            let length = Self.breakLength(bytes, at)
            at += max(length, 1)
            if length > 0 { starts.append(at) }
        }
        lineStarts = starts
    }

    /// Bytes of the line break there; 0 when there is none.
    private static func breakLength(_ bytes: [UInt8], _ at: Int) -> Int {
        switch bytes[at] {
        case 0x0a: 1
        case 0x0d: at + 1 < bytes.count && bytes[at + 1] == 0x0a ? 2 : 1
        case 0xc2: at + 1 < bytes.count && bytes[at + 1] == 0x85 ? 2 : 0
        case 0xe2:
            at + 2 < bytes.count && bytes[at + 1] == 0x80 && (bytes[at + 2] == 0xa8 || bytes[at + 2] == 0xa9) ? 3 : 0
        default: 0
        }
    }

    /// The byte offset of a place; the end of the text for one behind it.
    func offset(line: Int, column: Int) -> Int {
        guard line >= 1 else { return 0 }
        guard line <= lineStarts.count else { return bytes.count }
        var at = lineStarts[line - 1]
        var left = column - 1
        while left > 0, at < bytes.count {
            at += 1
            while at < bytes.count, bytes[at] & 0xc0 == 0x80 { at += 1 }
            left -= 1
        }
        return at
    }

    func place(offset: Int) -> (line: Int, column: Int) {
        let offset = min(max(offset, 0), bytes.count)
        var low = 0
        var high = lineStarts.count
        while low < high {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        let start = lineStarts[max(low - 1, 0)]
        let column = bytes[start..<offset].count { $0 & 0xc0 != 0x80 } + 1
        return (max(low, 1), column)
    }
}
