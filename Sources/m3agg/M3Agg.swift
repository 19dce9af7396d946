import ArgumentParser

/// The command line: one file per command.
@main
struct M3Agg: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "m3agg",
        abstract: "Streaming aggregation of metrics, compatible with M3.",
        discussion: """
            Start with a demo, then with your own Prometheus:
              m3agg standalone --demo
              m3agg standalone --data-dir data --rules rules/
              m3agg query '{__name__=~"demo_.*"}'
            """,
        version: "0.1.0",
        subcommands: [
            StandaloneCommand.self, AggregatorCommand.self, QueryCommand.self, LoadgenCommand.self, TapCommand.self,
            ConfigCommand.self, ClusterCommand.self,
        ])
}
