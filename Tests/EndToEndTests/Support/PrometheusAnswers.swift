import Foundation
import TestKit

/// Labels of a series as Prometheus' JSON gives them.
typealias LabelSet = [String: String]

struct Point: Equatable, Sendable {
    var timeMs: Int64
    var value: Double
}

/// Queries in Prometheus' HTTP API, answered by Prometheus or by m3agg.
enum PrometheusAnswers {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private struct Envelope: Decodable {
        struct Data: Decodable {
            var result: [Entry]
        }
        struct Entry: Decodable {
            var metric: LabelSet
            var values: [Sample]?
            var value: Sample?
        }
        var status: String
        var error: String?
        var data: Data?
    }

    private struct Sample: Decodable {
        var timeMs: Int64
        var value: Double

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            timeMs = Int64((try list.decode(Double.self) * 1000).rounded())
            let text = try list.decode(String.self)
            guard let value = text == "+Inf" ? .infinity : text == "-Inf" ? -.infinity : Double(text) else {
                throw Failure(description: "'\(text)' is no sample value")
            }
            self.value = value
        }
    }

    /// An instant query; for a range selector such as `up[5m]` the raw samples.
    static func query(
        _ base: String, _ expression: String, timeMs: Int64? = nil, headers: [String: String] = [:]
    ) async throws -> [LabelSet: [Point]] {
        var items = ["query=\(escaped(expression))"]
        if let timeMs { items.append("time=\(Double(timeMs) / 1000)") }
        return try await fetch("\(base)/api/v1/query?" + items.joined(separator: "&"), headers)
    }

    /// A range query with a step in seconds.
    static func queryRange(
        _ base: String, _ expression: String, startMs: Int64, endMs: Int64, step: Int, headers: [String: String] = [:]
    ) async throws -> [LabelSet: [Point]] {
        try await fetch(
            "\(base)/api/v1/query_range?query=\(escaped(expression))&start=\(Double(startMs) / 1000)"
                + "&end=\(Double(endMs) / 1000)&step=\(step)", headers)
    }

    private static func fetch(_ url: String, _ headers: [String: String]) async throws -> [LabelSet: [Point]] {
        let answer = try await HTTP.send("GET", url, headers: headers)
        let envelope = try JSONDecoder().decode(Envelope.self, from: answer.body)
        guard envelope.status == "success", let data = envelope.data else {
            throw Failure(description: "\(url): status \(answer.status), \(envelope.error ?? answer.text)")
        }
        var series: [LabelSet: [Point]] = [:]
        for entry in data.result {
            let samples = entry.values ?? entry.value.map { [$0] } ?? []
            series[entry.metric, default: []] += samples.map { Point(timeMs: $0.timeMs, value: $0.value) }
        }
        return series
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
