import ArgumentParser
import Foundation
import Metrics
import Testing

@testable import m3agg

struct CommandTests {
    /// The text and exit code of a command line that is refused.
    private func refusal(_ arguments: String...) -> (text: String, code: Int32)? {
        do {
            _ = try M3Agg.parseAsRoot(arguments)
            return nil
        } catch {
            return (M3Agg.fullMessage(for: error), M3Agg.exitCode(for: error).rawValue)
        }
    }

    private func parse<Command: ParsableCommand>(_ type: Command.Type, _ arguments: String...) throws -> Command {
        try #require(try M3Agg.parseAsRoot(arguments) as? Command)
    }

    // MARK: Help

    @Test(arguments: ["standalone", "query", "loadgen", "tap"]) func helpShowsAnExample(command: String) throws {
        let subcommand = try #require(
            M3Agg.configuration.subcommands.first { $0.configuration.commandName == command })
        let help = M3Agg.helpMessage(for: subcommand, columns: 120)
        let lines = help.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("  m3agg \(command) ") }, "\(help)")
        // Every option says what it is for.
        for line in lines where line.hasPrefix("  --") && !line.contains("  -- ") {
            #expect(help.contains("\(line)\n  ") || line.count > 26, "no help: \(line)")
        }
    }

    @Test func theRootShowsAllCommandsAndAnExample() {
        let help = M3Agg.helpMessage(columns: 120)
        for name in ["standalone", "query", "loadgen", "tap"] { #expect(help.contains("  \(name) ")) }
        #expect(help.contains("m3agg standalone --demo"))
    }

    /// What help shows must be right: each example line is parsed.
    @Test func examplesOfHelpAreValid() throws {
        var count = 0
        for command in M3Agg.configuration.subcommands + [M3Agg.self] {
            for line in command.configuration.discussion.split(separator: "\n") {
                let words = line.trimmingCharacters(in: .whitespaces)
                guard words.hasPrefix("m3agg ") else { continue }
                let arguments = words.split(separator: " ").dropFirst().map {
                    $0.trimmingCharacters(in: CharacterSet(charactersIn: "'"))
                }
                #expect(throws: Never.self, "\(words)") { _ = try M3Agg.parseAsRoot(arguments) }
                count += 1
            }
        }
        #expect(count >= 11)
    }

    // MARK: Parsing

    @Test func standaloneHasDefaultsAndTakesOptions() throws {
        let plain = try parse(StandaloneCommand.self, "standalone", "--data-dir", "d")
        #expect(plain.http.description == "127.0.0.1:7201")
        #expect(plain.ingest.description == "127.0.0.1:6000")
        #expect(plain.aggregated.description == "127.0.0.1:7507")
        #expect(plain.lateness == nil)
        #expect(!plain.demo)
        let full = try parse(
            StandaloneCommand.self, "standalone", "--demo", "--http", "[::]:0", "--tap", "10.0.0.1:7508", "--lateness",
            "2s",
            "--log-level", "debug", "--log-json")
        #expect(full.dataDir == nil)
        #expect(full.http.host == "::")
        #expect(full.tap?.port == 7_508)
        #expect(full.lateness?.nanos == 2_000_000_000)
        #expect(full.logJson)
    }

    @Test func queryTakesASelectorAndARange() throws {
        let query = try parse(QueryCommand.self, "query", "up{a=\"b\"}", "--since", "30m", "--policy", "10s:48h")
        #expect(query.selector == "up{a=\"b\"}")
        #expect(query.since.nanos == 1_800_000_000_000)
        #expect(query.policy == "10s:48h")
        #expect(query.step == nil)
    }

    @Test func loadgenTakesTypesRatesAndPolicies() throws {
        let load = try parse(
            LoadgenCommand.self, "loadgen", "--type", "timer", "--rate", "5", "--series", "2", "--duration", "1m",
            "--policy", "1m:40d", "--verify")
        #expect(load.type == .timer)
        #expect(load.type.metricType == .timer)
        #expect(load.rate == 5)
        #expect(load.duration.nanos == 60_000_000_000)
        #expect(load.verify)
    }

    // MARK: Refusals

    @Test(arguments: [
        (["standalone"], "--data-dir is missing"),
        (["standalone", "--data-dir", "d", "--log-level", "loud"], "--log-level is 'loud'"),
        (["standalone", "--demo", "--tap", "127.0.0.1:0"], "--tap needs the port"),
        (["standalone", "--demo", "--http", "7201"], "7201"),
        (["standalone", "--demo", "--lateness", "soon"], "soon"),
        (["query"], "<selector>"),
        (["query", "up", "--since", "10"], "10"),
        (["query", "up", "--policy", "soon"], "--policy is 'soon'"),
        (["query", "up", "--since", "0s"], "--since must be longer than 0"),
        (["query", "up", "--step", "0s"], "--step must be longer than 0"),
        (["loadgen", "--series", "0"], "--series is 0"),
        (["loadgen", "--rate", "0"], "--rate is 0"),
        (["loadgen", "--duration", "0s"], "--duration must be longer than 0"),
        (["loadgen", "--shards", "0"], "--shards must be 1 to 65536"),
        (["loadgen", "--type", "histogram"], "histogram"),
        (["loadgen", "--policy", "10s"], "--policy is '10s'"),
        (["tap", "--limit", "0"], "--limit is 0"),
        (["tap", "--listen", "nowhere"], "nowhere"),
        (["fly"], "fly"),
    ]) func wrongUseIsExplained(arguments: [String], text: String) {
        do {
            _ = try M3Agg.parseAsRoot(arguments)
            Issue.record("\(arguments) was taken")
        } catch {
            #expect(M3Agg.fullMessage(for: error).contains(text), "\(M3Agg.fullMessage(for: error))")
            #expect(M3Agg.exitCode(for: error) == .validationFailure)
        }
    }

    // MARK: Tables of series

    private func series(_ metric: [String: String], _ values: Double...) -> RangeAnswer.Series {
        RangeAnswer.Series(metric: metric, values: values.map { RangeAnswer.Sample($0) })
    }

    @Test func seriesAreSortedWithTheirFigures() {
        let table = QueryCommand.table(
            [
                series(["__name__": "up", "job": "b"], 0, 4, 2), series(["__name__": "up", "job": "a"], 12_345),
                series(["job": "c"], .nan, 1), series([:], 2),
            ], width: 100)
        #expect(
            table == [
                "SERIES         LAST     MIN     MAX  HISTORY",
                "up{job=\"a\"}  12.35k  12.35k  12.35k  ▅",
                "up{job=\"b\"}       2       0       4  ▁█▅",
                "{job=\"c\"}         1       1       1   ▅",
                "{}                2       2       2  ▅",
            ])
    }

    @Test func noSeriesIsALine() { #expect(QueryCommand.table([], width: 80) == ["no series match"]) }

    @Test func aNarrowTerminalKeepsEightPoints() {
        let values = (0..<40).map { RangeAnswer.Sample(Double($0)) }
        let one = RangeAnswer.Series(metric: ["__name__": "a_rather_long_name"], values: values)
        let narrow = QueryCommand.table([one], width: 20)[1]
        #expect(narrow.split(separator: " ").last?.count == 8)
        let wide = QueryCommand.table([one], width: 200)[1]
        #expect(wide.split(separator: " ").last?.count == 40)
    }

    @Test func aMatrixIsDecodedWithItsSpecialNumbers() throws {
        let json = """
            {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"a"},
            "values":[[1.5,"1"],[2,"+Inf"],[3,"-Inf"],[4,"NaN"]]}]}}
            """
        let values = try JSONDecoder().decode(RangeAnswer.self, from: Data(json.utf8)).data.result[0].values.map(
            \.value)
        #expect(values[..<3] == [1, .infinity, -.infinity])
        #expect(values[3].isNaN)
    }
}
