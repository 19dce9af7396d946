import KeyValue
import Testing

/// What every key-value store does, whatever it is kept in.
@Suite struct StoreLawTests {
    @Test(arguments: StoreKind.allCases) func anAbsentKeyIsNotFound(kind: StoreKind) async throws {
        try await kind.withStore { store in
            await #expect(throws: KeyValueError.notFound(key: "a")) { try await store.get("a") }
            await #expect(throws: KeyValueError.notFound(key: "a")) { try await store.delete("a") }
        }
    }

    @Test(arguments: StoreKind.allCases) func versionsCountTheWritesOfAKey(kind: StoreKind) async throws {
        try await kind.withStore { store in
            #expect(try await store.set("a", [1]) == 1)
            #expect(try await store.set("a", [2]) == 2)
            #expect(try await store.set("b", []) == 1)
            let a = try await store.get("a")
            #expect(a.bytes == [2])
            #expect(a.version == 2)
            let b = try await store.get("b")
            #expect(b.bytes == [])
            #expect(b.version == 1)
            #expect(b.revision > a.revision)
        }
    }

    @Test(arguments: StoreKind.allCases) func deleteReturnsWhatWasThereAndRestartsTheVersion(kind: StoreKind)
        async throws
    {
        try await kind.withStore { store in
            try await store.set("a", [1])
            try await store.set("a", [2])
            let before = try await store.get("a")
            #expect(try await store.delete("a") == before)
            await #expect(throws: KeyValueError.notFound(key: "a")) { try await store.get("a") }
            #expect(try await store.set("a", [3]) == 1)
            #expect(try await store.get("a").revision > before.revision)
        }
    }

    @Test(arguments: StoreKind.allCases) func setIfNotExistsWritesOnce(kind: StoreKind) async throws {
        try await kind.withStore { store in
            #expect(try await store.setIfNotExists("a", [1]) == 1)
            await #expect(throws: KeyValueError.alreadyExists(key: "a")) { try await store.setIfNotExists("a", [2]) }
            #expect(try await store.get("a").bytes == [1])
            try await store.delete("a")
            #expect(try await store.setIfNotExists("a", [3]) == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func checkAndSetDemandsTheVersion(kind: StoreKind) async throws {
        try await kind.withStore { (store) async throws in
            let tooNew = KeyValueError.versionMismatch(key: "a", expected: 1, actual: 0)
            await #expect(throws: tooNew) { try await store.checkAndSet("a", version: 1, [9]) }
            #expect(try await store.checkAndSet("a", version: 0, [1]) == 1)
            #expect(try await store.checkAndSet("a", version: 1, [2]) == 2)
            for stale in [0, 1, 3, -1] as [Int64] {
                let mismatch = KeyValueError.versionMismatch(key: "a", expected: stale, actual: 2)
                await #expect(throws: mismatch) { try await store.checkAndSet("a", version: stale, [9]) }
            }
            #expect(try await store.get("a").bytes == [2])
        }
    }

    @Test(arguments: StoreKind.allCases) func aGuardedWriteNeedsTheKeyThatWasCreated(kind: StoreKind) async throws {
        try await kind.withStore { store in
            let absent = Fence(key: "lock", createRevision: 0)
            await #expect(throws: KeyValueError.fenced(key: "a", guard: "lock")) {
                try await store.set("a", [1], guardedBy: absent)
            }
            await #expect(throws: KeyValueError.notFound(key: "a")) { try await store.get("a") }

            try await store.set("lock", [])
            let fence = Fence(key: "lock", createRevision: try await store.get("lock").revision)
            #expect(try await store.set("a", [1], guardedBy: fence) == 1)
            #expect(try await store.set("a", [2], guardedBy: fence) == 2)

            try await store.delete("lock")
            await #expect(throws: KeyValueError.fenced(key: "a", guard: "lock")) {
                try await store.set("a", [3], guardedBy: fence)
            }
            try await store.set("lock", [])
            await #expect(throws: KeyValueError.fenced(key: "a", guard: "lock")) {
                try await store.set("a", [3], guardedBy: fence)
            }
            #expect(try await store.get("a").bytes == [2])
        }
    }

    @Test(arguments: StoreKind.allCases) func ofManyWritersAtOneVersionExactlyOneWins(kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await store.set("a", [0])
            let winners = await withTaskGroup(of: Bool.self) { group in
                for writer in UInt8(1)...20 {
                    group.addTask { (try? await store.checkAndSet("a", version: 1, [writer])) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(winners == 1)
            #expect(try await store.get("a").version == 2)
        }
    }

    @Test(arguments: StoreKind.allCases) func keysAndValuesHaveLimits(kind: StoreKind) async throws {
        try await kind.withStore { store in
            let longest = String(repeating: "k", count: KeyValueLimits.maxKeyBytes)
            try await store.set(longest, [1])
            #expect(try await store.get(longest).bytes == [1])
            for key in ["", longest + "k"] {
                let error = await #expect(throws: KeyValueError.self) { try await store.set(key, [1]) }
                guard case .invalidKey = error else {
                    Issue.record("key of \(key.utf8.count) bytes gave \(String(describing: error))")
                    continue
                }
            }
            let largest = [UInt8](repeating: 7, count: KeyValueLimits.maxValueBytes)
            try await store.set("large", largest)
            #expect(try await store.get("large").bytes == largest)
            await #expect(
                throws: KeyValueError.valueTooLarge(
                    key: "large", bytes: largest.count + 1, limit: KeyValueLimits.maxValueBytes)
            ) { try await store.set("large", largest + [7]) }
        }
    }

    @Test(arguments: StoreKind.allCases) func aWatchStartsWithWhatIsThere(kind: StoreKind) async throws {
        try await kind.withStore { store in
            var absent = try await store.watch("a").makeAsyncIterator()
            #expect(await absent.next() == .some(nil))
            try await store.set("a", [1])
            #expect(await absent.next()??.bytes == [1])
            var present = try await store.watch("a").makeAsyncIterator()
            #expect(await present.next()??.bytes == [1])
        }
    }

    @Test(arguments: StoreKind.allCases) func aWatchReportsChangesAndDeletionsOfItsKeyOnly(kind: StoreKind) async throws
    {
        try await kind.withStore { store in
            var watch = try await store.watch("a").makeAsyncIterator()
            #expect(await watch.next() == .some(nil))
            try await store.set("ab", [9])
            try await store.set("a", [1])
            let first = await watch.next()
            #expect(first??.bytes == [1])
            #expect(first??.version == 1)
            try await store.delete("a")
            #expect(await watch.next() == .some(nil))
            try await store.set("a", [2])
            let second = await watch.next()
            #expect(second??.bytes == [2])
            #expect(second??.version == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func aSlowReaderOfAWatchGetsTheNewestValue(kind: StoreKind) async throws {
        try await kind.withStore { store in
            var watch = try await store.watch("a").makeAsyncIterator()
            for value in UInt8(1)...100 { try await store.set("a", [value]) }
            var last: VersionedValue?
            while last?.bytes != [100] {
                guard let next = await watch.next() else { break }
                if let next {
                    #expect(next.version > last?.version ?? 0)
                    last = next
                }
            }
            #expect(last?.version == 100)
        }
    }
}
