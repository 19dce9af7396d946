import ArgumentParser
import Cluster
import ControlAPI
import KeyValue
import NodeConfiguration

/// `m3agg cluster init`: placements, topics and consumers from one file.
struct ClusterInitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Bring placements, topics and consumers to what a file describes.",
        discussion: """
            Prints what it is about to write, then writes it. Run again, it changes nothing, or what has changed in the
            file since. Instances and consumers that the file does not name are kept unless --prune is given.
              m3agg cluster init -f cluster.yml --etcd 127.0.0.1:2379 --dry-run
              m3agg cluster init -f cluster.yml --etcd etcd-0:2379 --etcd etcd-1:2379
            Exit codes: 0 when the cluster is as described; 1 when something stands in the way or the store can't be
            reached; 2 when the file can't be read or is wrong; 3 after --dry-run when there is something to write; 64
            for wrong usage.
            """)

    @Option(name: [.customShort("f"), .customLong("file")], help: "Description of the cluster (YAML).")
    var file: String

    @OptionGroup var store: ClusterStoreOptions

    @Flag(help: "Only print what would be written.")
    var dryRun = false

    @Flag(help: "Remove instances and consumers that the file does not name.")
    var prune = false

    @Flag(help: "Print the plan as JSON.")
    var json = false

    func run() async throws {
        let description: ClusterDescription
        do {
            description = try ClusterDescription(
                ClusterFile.load(file: file, environment: ConfigFiles.environment()))
        } catch let errors as ConfigurationErrors {
            for item in errors.errors { Terminal.note(item.description) }
            throw ExitCode(2)
        } catch {
            Terminal.note("m3agg cluster init: \(file): \(error)")
            throw ExitCode(2)
        }
        do {
            let opened = try store.open()
            let result: Int32
            do {
                result = try await bring(opened.values, to: description)
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
            if result != 0 { throw ExitCode(result) }
        } catch let code as ExitCode {
            throw code
        } catch {
            Terminal.note("m3agg cluster init: \(error)")
            throw ExitCode(1)
        }
    }

    private func bring(_ store: any KeyValueStore, to description: ClusterDescription) async throws -> Int32 {
        let plan = try await ClusterPlan(
            description, store: store, prune: prune, now: CommandClock.nowMs() * 1_000_000)
        if json {
            Terminal.line(ClusterJSON.text(plan))
        } else {
            for line in Self.lines(plan) { Terminal.line(line) }
        }
        if plan.isBlocked {
            Terminal.note("m3agg cluster init: nothing was written; put right what is blocked first")
            return 1
        }
        guard plan.hasChanges else { return 0 }
        guard !dryRun else { return 3 }
        try await plan.apply()
        if !json { Terminal.line("written") }
        return 0
    }

    /// One line for each step, marked by what happens: `+` create, `~` change, `=` keep, `?` extra, `!` blocked.
    static func lines(_ plan: ClusterPlan) -> [String] {
        plan.steps.map { step in
            let mark =
                switch step.action {
                case .create: "+"
                case .change: "~"
                case .keep: "="
                case .extra: "?"
                case .blocked: "!"
                }
            return "\(mark) \(step.key): \(step.detail)"
        }
    }
}

extension ClusterDescription {
    /// Throws ``Cluster/ClusterError`` for an endpoint that is none.
    init(_ file: ClusterFile) throws(ClusterError) {
        func instances(_ list: [ClusterFile.Instance]) throws(ClusterError) -> [Instance] {
            var instances: [Instance] = []
            for item in list {
                let endpoint = try Endpoint(parsing: item.endpoint)
                instances.append(
                    Instance(
                        id: item.id, isolationGroup: item.isolationGroup, zone: file.zone, weight: item.weight,
                        endpoint: item.endpoint, hostname: endpoint.host, port: UInt32(endpoint.port)))
            }
            return instances
        }
        let topics = file.topics.map { topic in
            Topic(
                name: topic.name, numberOfShards: topic.numShards,
                consumerServices: topic.consumers.map { consumer in
                    ConsumerService(
                        serviceID: ServiceID(
                            name: consumer.service, environment: file.environment, zone: file.zone),
                        consumptionType: consumer.consumption == .shared ? .shared : .replicated,
                        messageTTLNanos: consumer.messageTTLNanos)
                })
        }
        self.init(
            environment: file.environment, zone: file.zone, numShards: file.numShards, replicas: file.replicas,
            aggregators: try instances(file.aggregators), coordinators: try instances(file.coordinators),
            topics: topics)
    }
}
