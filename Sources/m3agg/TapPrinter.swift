import FoundationEssentials
import Services
import Synchronization

/// Prints the records of a tap, one line or one JSON object each, up to a limit.
final class TapPrinter: Sendable {
    private let json: Bool
    private let limit: Int
    private let count = Mutex(0)

    init(json: Bool, limit: Int?) {
        self.json = json
        self.limit = limit ?? .max
    }

    var shown: Int { count.withLock { $0 } }

    var isDone: Bool { shown >= limit }

    func show(_ records: [TapRecord]) {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "+Inf", negativeInfinity: "-Inf", nan: "NaN")
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        count.withLock { count in
            var text = ""
            for record in records.prefix(max(limit - count, 0)) {
                if json, let data = try? encoder.encode(record) {
                    text += String(decoding: data, as: UTF8.self) + "\n"
                } else {
                    text += record.line + "\n"
                }
                count += 1
            }
            Terminal.write(text)
        }
    }
}
