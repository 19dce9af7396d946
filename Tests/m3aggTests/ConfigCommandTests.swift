import ArgumentParser
import Foundation
import NodeConfiguration
import Testing

@testable import m3agg

@Suite struct ConfigCommandTests {
    private static let commands: [any ParsableCommand.Type] = [ConfigCheckCommand.self, ConfigDumpCommand.self]

    @Test func helpShowsExamplesAndExitCodes() throws {
        for command in Self.commands {
            let name = command.configuration.commandName ?? ""
            let help = M3Agg.helpMessage(for: command, columns: 120)
            #expect(help.contains("  m3agg config \(name) m3aggregator.yml"))
            #expect(help.contains("Exit codes: 0") && help.contains("--json"))
            for line in command.configuration.discussion.split(separator: "\n") {
                let words = line.trimmingCharacters(in: .whitespaces).split(separator: " ").map(String.init)
                guard words.first == "m3agg" else { continue }
                _ = try M3Agg.parseAsRoot(Array(words.dropFirst()))
            }
        }
        #expect(throws: (any Error).self) { try M3Agg.parseAsRoot(["config", "check"]) }
    }

    /// The exit code of a command over files with these texts.
    private func exitCode(_ command: String, _ texts: [String], _ flags: String...) throws -> Int32 {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("m3agg-config-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try texts.enumerated().map { index, text in
            let file = folder.appendingPathComponent("\(index).yml")
            try text.write(to: file, atomically: true, encoding: .utf8)
            return file.path
        }
        var parsed = try M3Agg.parseAsRoot(["config", command] + files + flags)
        do {
            try parsed.run()
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        }
    }

    @Test(arguments: ["check", "dump"]) func exitCodes(_ command: String) throws {
        #expect(try exitCode(command, ["node: {etcd: [e:1]}"]) == 0)
        #expect(try exitCode(command, ["node: {etcd: [e:1]}", "http: {listenAddress: 'h:1'}"], "--json") == 0)
        #expect(try exitCode(command, ["node: {etcd: [bad]}"]) == 1)
        #expect(try exitCode(command, ["node: {etcd: [bad]}"], "--json") == 1)
        #expect(try exitCode(command, ["a: [", "b: ["]) == 1)
        var missing = try M3Agg.parseAsRoot(["config", command, "/nowhere/m3agg.yml"])
        #expect(throws: ExitCode(2)) { try missing.run() }
    }

    @Test func theEnvironmentIsThatOfTheProcess() {
        #expect(ConfigFiles.environment()["PATH"] == ProcessInfo.processInfo.environment["PATH"])
        #expect(ConfigFiles.environment().count == ProcessInfo.processInfo.environment.count)
    }

    @Test func summary() {
        func diagnostic(_ severity: Diagnostic.Severity) -> Diagnostic {
            Diagnostic(
                severity: severity, file: "", line: 0, column: 0, field: "", value: nil, problem: "p", remedy: "")
        }
        #expect(
            ConfigFiles.summary([.error, .warning, .warning].map(diagnostic))
                == "1 error, 2 warnings, 0 keys without effect")
        #expect(ConfigFiles.exitCode([diagnostic(.warning), diagnostic(.ignored)]) == 0)
        #expect(ConfigFiles.exitCode([diagnostic(.error)]) == 1)
    }
}
