import Foundation
import Synchronization
import Testing

/// A test case that `make vectors` counts: a line of the captured vectors, or a worked example.
///
/// The environment variable `M3AGG_CASES` names a file to which every such case appends `NAME passed` or `NAME failed`.
public struct CountedCase: TestTrait, TestScoping {
    private final class Record: Sendable {
        struct State {
            var name: String?
            var failed = false
        }

        let state: Mutex<State>

        init(_ name: String?) { state = Mutex(State(name: name)) }

        func fail() { state.withLock { $0.failed = true } }
    }

    @TaskLocal private static var record: Record?

    private let name: String?

    init(_ name: String?) { self.name = name }

    /// Names the running case when its name depends on its argument; of no effect in tests that are not counted.
    public static func count(as name: String) { record?.state.withLock { $0.name = name } }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let record = Record(name)
        // A known issue is one too: what is counted as passed has none.
        let issues = IssueHandlingTrait.compactMapIssues { issue in
            record.fail()
            return issue
        }
        do {
            try await Self.$record.withValue(record) {
                try await issues.provideScope(for: test, testCase: testCase, performing: function)
            }
        } catch {
            record.fail()
            Self.write(record)
            throw error
        }
        Self.write(record)
    }

    private static func write(_ record: Record) {
        guard let path = ProcessInfo.processInfo.environment["M3AGG_CASES"] else { return }
        let state = record.state.withLock { $0 }
        guard let name = state.name else {
            Issue.record("a counted test case did not say its name")
            return
        }
        // In one write behind what is there, so that concurrent cases leave whole lines.
        let line = Array("\(name) \(state.failed ? "failed" : "passed")\n".utf8)
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        let written = file < 0 ? -1 : Foundation.write(file, line, line.count)
        if written != line.count { Issue.record("\(path): \(String(cString: strerror(errno)))") }
        if file >= 0 { close(file) }
    }
}

extension Trait where Self == CountedCase {
    /// A test whose argument is a ``VectorLine``.
    public static var vectors: Self { CountedCase(nil) }

    /// A worked example by its number, such as `16.45b`; several tests may share one.
    public static func example(_ number: String) -> Self { CountedCase("example \(number)") }

    /// A test of worked examples that names each, see ``CountedCase/count(as:)``.
    public static var examples: Self { CountedCase(nil) }
}
