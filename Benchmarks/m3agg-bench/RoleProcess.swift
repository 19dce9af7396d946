import Foundation

/// A child process that plays one role, and what /proc tells of it.
final class RoleProcess {
    enum Failure: Error, CustomStringConvertible {
        case noExecutable
        case noPorts(role: String, output: String)
        case unreadable(path: String)

        var description: String {
            switch self {
            case .noExecutable: "the path of this program is unknown; start it by its path"
            case .noPorts(let role, let output): "the \(role) did not say its ports but '\(output)'"
            case .unreadable(let path): "\(path) cannot be read; is the role still running?"
            }
        }
    }

    private let process = Process()
    private let input = Pipe()
    /// The ports that the role listens on, in the order in which it says them.
    let ports: [Int]

    /// Starts the role and waits until it listens.
    init(_ role: String, _ arguments: [String]) throws {
        guard let executable = Bundle.main.executableURL else { throw Failure.noExecutable }
        let output = Pipe()
        process.executableURL = executable
        process.arguments = ["role", role] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line: [UInt8] = []
        while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
            line.append(byte)
        }
        let text = String(decoding: line, as: UTF8.self)
        ports = text.split(separator: " ").compactMap { Int($0) }
        guard !ports.isEmpty else {
            process.terminate()
            throw Failure.noPorts(role: role, output: text)
        }
    }

    /// User and system CPU time since the start, in seconds. Source: proc(5), fields 14 and 15 of stat.
    func cpuSeconds() throws -> Double {
        let path = "/proc/\(process.processIdentifier)/stat"
        // The name in parentheses may hold spaces.
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let end = text.lastIndex(of: ")") else {
            throw Failure.unreadable(path: path)
        }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw Failure.unreadable(path: path)
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory in bytes.
    func residentBytes() throws -> Double {
        let path = "/proc/\(process.processIdentifier)/statm"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Failure.unreadable(path: path)
        }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Double(fields[1]) else { throw Failure.unreadable(path: path) }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Ends the role, which ends when its standard input does.
    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
