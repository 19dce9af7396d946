extension Registry {
    /// The Prometheus text format, version 0.0.4: families in order of name, each with its help and type once.
    public func exposition() -> String {
        var text = ""
        var families: [String: [Sample]] = [:]
        for sample in samples() { families[sample.name, default: []].append(sample) }
        for (name, samples) in families.sorted(by: { $0.key < $1.key }) {
            guard let first = samples.first else { continue }
            text += "# HELP \(name) \(escapedHelp(first.help))\n# TYPE \(name) \(first.kind.rawValue)\n"
            for sample in samples {
                text += "\(name)\(labelText(sample.labels)) \(number(sample.value))\n"
            }
        }
        var lastName = ""
        for (name, help, labels, snapshot) in histograms() {
            if name != lastName {
                text += "# HELP \(name) \(escapedHelp(help))\n# TYPE \(name) histogram\n"
                lastName = name
            }
            var total: UInt64 = 0
            for (index, count) in snapshot.counts.enumerated() {
                total += count
                let bound = index < snapshot.bounds.count ? number(snapshot.bounds[index]) : "+Inf"
                text += "\(name)_bucket\(labelText(labels + [("le", bound)])) \(total)\n"
            }
            text += "\(name)_sum\(labelText(labels)) \(number(snapshot.sum))\n"
            text += "\(name)_count\(labelText(labels)) \(total)\n"
        }
        return text
    }
}

private func labelText(_ labels: [(String, String)]) -> String {
    guard !labels.isEmpty else { return "" }
    return "{" + labels.map { "\($0.0)=\"\(escapedValue($0.1))\"" }.joined(separator: ",") + "}"
}

private func escapedValue(_ text: String) -> String {
    var out = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": out += "\\\\"
        case "\"": out += "\\\""
        case "\n": out += "\\n"
        default: out.unicodeScalars.append(character)
        }
    }
    return out
}

private func escapedHelp(_ text: String) -> String {
    var out = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        default: out.unicodeScalars.append(character)
        }
    }
    return out
}

private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), value.magnitude < 9e15 { return String(Int64(value)) }
    return "\(value)"
}
