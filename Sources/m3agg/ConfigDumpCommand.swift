import ArgumentParser
import NodeConfiguration

/// `m3agg config dump`: the values in force and where each comes from.
struct ConfigDumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Show an aggregator's effective configuration with the origin of each value.",
        discussion: """
            Prints every value that has an effect under M3's key, as YAML that can be used as a configuration file again.
            The comment behind a value is its origin: a file and line, an environment variable, or default. Passwords are
            not shown.
              m3agg config dump m3aggregator.yml
              m3agg config dump base.yml production.yml --json
            Exit codes: 0, 1 for errors in the files (they are printed), 2 when a file can't be read, 64 for wrong usage.
            """)

    @Argument(help: "Configuration files (YAML).")
    var files: [String]

    @Flag(help: "Print values and origins as JSON.")
    var json = false

    func run() throws {
        do {
            let loaded = try AggregatorConfiguration.load(files: files, environment: ConfigFiles.environment())
            if json {
                Terminal.line(ConfigurationJSON.values(loaded.values))
            } else {
                for line in YAMLDump.text(loaded.values).split(separator: "\n") { Terminal.line(String(line)) }
            }
        } catch {
            for item in error.errors { Terminal.note(item.description) }
            throw ExitCode(ConfigFiles.exitCode(error.diagnostics))
        }
    }
}
