import FoundationEssentials
import Metrics
import NIOCore
import Transport

/// Compares what a coordinator stored with what a load generator sent, series by series.
public struct LoadVerifier: Sendable {
    public struct Report: Sendable, Equatable {
        /// Distinct window ends with a value, over all series.
        public var windows = 0
        public var sent = 0.0
        public var stored = 0.0
        /// Series that were sent and of which nothing is stored.
        public var missingSeries = 0
        /// Series whose stored windows do not add up to what was sent.
        public var wrongSeries = 0

        public var isComplete: Bool { missingSeries == 0 && wrongSeries == 0 && sent == stored }
    }

    public enum Failure: Error, CustomStringConvertible {
        case refused(url: String, status: Int, body: String)

        public var description: String {
            switch self {
            case .refused(let url, let status, let body): "\(url) answered \(status): \(body)"
            }
        }
    }

    private struct Answer: Decodable {
        struct Data: Decodable {
            var result: [Series]
        }
        struct Series: Decodable {
            var metric: [String: String]
            var values: [Sample]
        }
        struct Sample: Decodable {
            var time: Double
            var value: Double

            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = try list.decode(Double.self)
                let text = try list.decode(String.self)
                value = Double(text) ?? .nan
            }
        }
        var data: Data
    }

    private let options: LoadOptions
    private let base: String
    private let client: HTTPClient

    /// - Parameter http: `HOST:PORT` of the coordinator's HTTP API.
    public init(options: LoadOptions, http: String, group: any EventLoopGroup) {
        self.options = options
        base = "http://\(http)"
        client = HTTPClient(group: group)
    }

    /// Asks until everything is there or the deadline has passed, and returns the last comparison.
    /// - Throws: ``Failure/refused(url:status:body:)``, ``Transport/HTTPClient/Failure``.
    public func verify(
        _ result: LoadGenerator.Result, deadline: Duration, progress: (Report) -> Void
    ) async throws -> Report {
        let clock = ContinuousClock()
        let end = clock.now + deadline
        let parts = (result.sums.count + LoadOptions.seriesPerPart - 1) / LoadOptions.seriesPerPart
        while true {
            // The last part is the cheapest sign that all windows are there.
            let sample = try await compare(part: parts - 1, result)
            if sample.isComplete || clock.now >= end {
                var report = Report()
                var windows: Set<Double> = []
                for part in 0..<parts {
                    let one = try await compare(part: part, result, windows: &windows)
                    report.sent += one.sent
                    report.stored += one.stored
                    report.missingSeries += one.missingSeries
                    report.wrongSeries += one.wrongSeries
                }
                report.windows = windows.count
                progress(report)
                if report.isComplete || clock.now >= end { return report }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private func compare(part: Int, _ result: LoadGenerator.Result) async throws -> Report {
        var windows: Set<Double> = []
        return try await compare(part: part, result, windows: &windows)
    }

    private func compare(
        part: Int, _ result: LoadGenerator.Result, windows: inout Set<Double>
    ) async throws -> Report {
        let seconds = (result.lastNanos - result.firstNanos + 4 * options.storagePolicy.resolutionNanos) / 1_000_000_000
        let end = (result.lastNanos + 2 * options.storagePolicy.resolutionNanos) / 1_000_000_000
        let query = "\(options.metricName){run=\"\(options.run)\",part=\"\(part)\"}[\(seconds + 10)s]"
        let url = "\(base)/api/v1/query?query=\(HTTPParameters.encode(query))&time=\(end)"
        let reply = try await client.get(
            url, headers: ["M3-Storage-Policy": options.storagePolicy.description])
        guard reply.status == 200 else {
            throw Failure.refused(
                url: url, status: reply.status, body: String(decoding: reply.body.prefix(500), as: UTF8.self))
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(reply.body))
        var stored: [Int: Double] = [:]
        for series in answer.data.result {
            guard let index = series.metric["series"].flatMap({ Int($0) }) else { continue }
            for sample in series.values {
                stored[index, default: 0] += sample.value
                windows.insert(sample.time)
            }
        }
        var report = Report()
        let first = part * LoadOptions.seriesPerPart
        for index in first..<min(first + LoadOptions.seriesPerPart, result.sums.count) where result.sums[index] != 0 {
            let sent = Double(result.sums[index])
            report.sent += sent
            guard let found = stored[index] else {
                report.missingSeries += 1
                continue
            }
            report.stored += found
            if found != sent { report.wrongSeries += 1 }
        }
        return report
    }
}
