import ArgumentParser

/// `m3agg config`: what configuration files say.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check configuration files and show what they amount to.",
        discussion: """
            Reads M3's own m3aggregator.yml as well as the short form of our own; several files are merged in their order.
              m3agg config check m3aggregator.yml
              m3agg config dump base.yml production.yml
            """,
        subcommands: [ConfigCheckCommand.self, ConfigDumpCommand.self])
}
