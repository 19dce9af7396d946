import ArgumentParser
import FoundationEssentials
import Metrics
import NIOPosix
import Services
import Transport

/// `m3agg query`: a table and a sparkline of the series that a selector names.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Show series in the terminal.",
        discussion: """
            Takes a PromQL series selector. Without --policy each series comes from the finest data that there is.
              m3agg query 'demo_requests_by_service{service="api"}'
              m3agg query '{__name__=~"demo_.*"}' --policy 10s:48h --since 30m
            Exit codes: 0, also when no series match; 1 when the server refused the query; 2 when there is no server at
            the address; 64 for wrong usage.
            """)

    @Argument(help: "A series selector.")
    var selector: String

    @Option(help: ArgumentHelp("The coordinator's HTTP API.", valueName: "host:port"))
    var http = HostPort("127.0.0.1", 7201)

    @Option(help: "How far to look back, such as 30m.")
    var since = DurationText(seconds: 600)

    @Option(help: "Distance of the points; by default as many as the sparkline has characters.")
    var step: DurationText?

    @Option(help: "Only the namespace of this storage policy, such as 10s:48h.")
    var policy: String?

    @Flag(help: "Print the server's JSON answer.")
    var json = false

    func validate() throws {
        guard since.nanos > 0 else { throw ValidationError("--since must be longer than 0") }
        if let step, step.nanos <= 0 { throw ValidationError("--step must be longer than 0") }
        if let policy, (try? StoragePolicy(parsing: policy)) == nil {
            throw ValidationError("--policy is '\(policy)'; write RESOLUTION:RETENTION, such as 10s:48h")
        }
    }

    func run() async throws {
        let answer: HTTPReply
        do {
            answer = try await HTTPClient(group: MultiThreadedEventLoopGroup.singleton).get(
                url(), headers: HTTPHeaders(policy.map { [(name: "M3-Storage-Policy", value: $0)] } ?? []))
        } catch {
            Terminal.note("m3agg query: \(error)")
            throw ExitCode(2)
        }
        if json {
            Terminal.line(String(decoding: answer.body, as: UTF8.self))
            if answer.status != 200 { throw ExitCode(1) }
            return
        }
        guard answer.status == 200 else {
            let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(answer.body))
            Terminal.note("m3agg query: \(refusal?.error ?? "the server answered \(answer.status)")")
            throw ExitCode(1)
        }
        let series = try JSONDecoder().decode(RangeAnswer.self, from: Data(answer.body)).data.result
        for line in Self.table(series, width: Terminal.width) { Terminal.line(line) }
    }

    private static let points = 40

    private func url() -> String {
        let end = Double(CommandClock.nowMs()) / 1000
        let seconds = Double(since.nanos) / 1e9
        let step = step.map { Double($0.nanos) / 1e9 } ?? max((seconds / Double(Self.points)).rounded(.up), 1)
        let items = [
            ("query", selector), ("start", "\(end - seconds)"), ("end", "\(end)"), ("step", "\(step)"),
        ]
        return "http://\(http)/api/v1/query_range?"
            + items.map { "\($0)=\(HTTPParameters.encode($1))" }.joined(separator: "&")
    }

    /// A header and a line for each series, sorted by labels; sparklines take what the terminal leaves.
    static func table(_ series: [RangeAnswer.Series], width: Int) -> [String] {
        guard !series.isEmpty else { return ["no series match"] }
        var table = TextTable([
            ("SERIES", .left), ("LAST", .right), ("MIN", .right), ("MAX", .right), ("HISTORY", .left),
        ])
        let rows = series.map { (text: $0.text, values: $0.values.map(\.value)) }.sorted { $0.text < $1.text }
        let longest = rows.map(\.text.count).max() ?? 0
        for row in rows {
            let finite = row.values.filter(\.isFinite)
            table.add([
                row.text, NumberText.short(row.values.last ?? .nan), NumberText.short(finite.min() ?? .nan),
                NumberText.short(finite.max() ?? .nan),
                Sparkline.render(row.values, width: max(min(points, width - longest - 36), 8)),
            ])
        }
        return table.lines()
    }
}

private struct Refusal: Decodable {
    var error: String
}

/// A matrix in Prometheus' JSON.
struct RangeAnswer: Decodable {
    struct Content: Decodable {
        var result: [Series]
    }
    struct Series: Decodable {
        var metric: [String: String]
        var values: [Sample]

        /// As PromQL writes the series.
        var text: String {
            let labels = metric.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
            let name = metric["__name__"] ?? ""
            guard !labels.isEmpty else { return name.isEmpty ? "{}" : name }
            return name + "{" + labels.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",") + "}"
        }
    }
    struct Sample: Decodable {
        var value: Double

        init(_ value: Double) { self.value = value }

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            _ = try list.decode(Double.self)
            let text = try list.decode(String.self)
            value = text == "+Inf" ? .infinity : text == "-Inf" ? -.infinity : Double(text) ?? .nan
        }
    }
    var data: Content
}
