import ArgumentParser

/// `m3agg cluster`: placements and topics of a pool.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Set up a pool of aggregators and coordinators, and see how it is.",
        subcommands: [ClusterInitCommand.self, ClusterStatusCommand.self])
}
