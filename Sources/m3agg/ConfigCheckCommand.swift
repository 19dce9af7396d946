import ArgumentParser
import NodeConfiguration
import Services

/// `m3agg config check`: every mistake of configuration files, with its place and what to do about it.
struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find every mistake in an aggregator's configuration.",
        discussion: """
            All files are merged in their order, as with 'm3agg aggregator -f'. Each line says file, line and column, the
            field, its value, what is wrong and what to write. Keys without effect are listed with the reason.
              m3agg config check m3aggregator.yml
              m3agg config check base.yml production.yml --json
            Exit codes: 0 for a configuration that works, with warnings or without; 1 for errors; 2 when a file can't be
            read; 64 for wrong usage.
            """)

    @Argument(help: "Configuration files (YAML).")
    var files: [String]

    @Flag(help: "Print the remarks as JSON.")
    var json = false

    @Flag(help: "Leave out keys without effect.")
    var quiet = false

    func run() throws {
        let diagnostics: [Diagnostic]
        do {
            let loaded = try AggregatorConfiguration.load(files: files, environment: ConfigFiles.environment())
            diagnostics = loaded.diagnostics + AggregatorRole.refusals(of: loaded)
        } catch {
            diagnostics = error.diagnostics
        }
        if json {
            Terminal.line(ConfigurationJSON.diagnostics(diagnostics))
        } else {
            for item in diagnostics where !quiet || item.severity != .ignored { Terminal.line(item.description) }
            Terminal.line(ConfigFiles.summary(diagnostics))
        }
        let code = ConfigFiles.exitCode(diagnostics)
        if code != 0 { throw ExitCode(code) }
    }
}
