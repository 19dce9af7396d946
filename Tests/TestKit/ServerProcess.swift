import Foundation
import Synchronization

/// A server under test: started with a log file, stopped by its process id.
public final class ServerProcess: Sendable {
    public enum Failure: Error, CustomStringConvertible {
        case notFound(String)
        case exited(name: String, status: Int32, log: String)

        public var description: String {
            switch self {
            case .notFound(let name): "\(name) is not installed: run 'make test', which installs it"
            case .exited(let name, let status, let log): "\(name) ended with status \(status):\n\(log)"
            }
        }
    }

    public let name: String
    public let logFile: URL
    private let process: Mutex<Process>
    public let processIdentifier: Int32

    /// - Parameters:
    ///   - executable: a path, or a name that is looked up in PATH.
    ///   - directory: where the log `NAME.log` is written; appended to when it exists.
    public init(
        name: String, executable: String, arguments: [String], directory: URL, environment: [String: String] = [:]
    ) throws {
        self.name = name
        logFile = directory.appendingPathComponent("\(name).log")
        if !FileManager.default.fileExists(atPath: logFile.path) {
            _ = FileManager.default.createFile(atPath: logFile.path, contents: nil)
        }
        let log = try FileHandle(forWritingTo: logFile)
        try log.seekToEnd()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Self.find(executable))
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.run()
        processIdentifier = process.processIdentifier
        self.process = Mutex(process)
    }

    /// A test that fails before it stops a server leaves none behind.
    deinit {
        if isRunning { kill(processIdentifier, SIGKILL) }
    }

    public var isRunning: Bool { process.withLock { $0.isRunning } }

    public var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }

    /// - Throws: ``Failure/exited(name:status:log:)`` when the process has ended.
    public func checkRunning() throws {
        guard !isRunning else { return }
        throw Failure.exited(
            name: name, status: process.withLock { $0.terminationStatus }, log: String(log.suffix(4000)))
    }

    /// Sends the signal (SIGTERM unless said otherwise) and waits for the end; after the deadline SIGKILL follows.
    /// - Returns: the exit status, or the number of the signal that ended it.
    @discardableResult
    public func stop(signal number: Int32 = SIGTERM, deadline: Duration = .seconds(30)) async -> Int32 {
        if isRunning { kill(processIdentifier, number) }
        let clock = ContinuousClock()
        let end = clock.now + deadline
        while isRunning {
            if clock.now > end { kill(processIdentifier, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return process.withLock { $0.terminationStatus }
    }

    private static func find(_ executable: String) throws -> String {
        if executable.contains("/") { return executable }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for directory in (path + ":/usr/sbin:/sbin").split(separator: ":") {
            let candidate = "\(directory)/\(executable)"
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        throw Failure.notFound(executable)
    }
}
