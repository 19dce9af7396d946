import Cluster
import KeyValue
import TestKit
import Testing

@Suite struct TopicTests {
    private static let ingest = Topic(
        name: "aggregator_ingest", numberOfShards: 64,
        consumerServices: [
            ConsumerService(
                serviceID: ServiceID(name: "m3aggregator"), consumptionType: .replicated,
                messageTTLNanos: 300_000_000_000)
        ])

    @Test func theBytesAreThoseOfM3() throws {
        let hex =
            "0a1161676772656761746f725f696e6765737410401a300a250a0c6d3361676772656761746f72"
            + "120b64656661756c745f656e761a08656d62656464656410021880f092cbdd08"
        #expect(try Self.ingest.protobuf().hex == hex)
        #expect(try Topic(protobuf: try #require(Fixtures.bytes(hex: hex))) == Self.ingest)
    }

    @Test func whatM3RefusesIsRefused() {
        let consumer = Self.ingest.consumerServices[0]
        func with(_ filters: ConsumerFilters) -> Topic {
            var topic = Self.ingest
            topic.consumerServices[0].filters = filters
            return topic
        }
        let cases: [(Topic, String)] = [
            (Topic(name: "", numberOfShards: 1), "invalid topic: empty name"),
            (Topic(name: "t", numberOfShards: 0), "invalid topic: zero shards"),
            (Topic(name: "t", numberOfShards: 70_000), "invalid topic: 70000 shards, the limit is 65536"),
            (
                Topic(name: "t", numberOfShards: 1, consumerServices: [consumer, consumer]),
                "invalid topic: duplicated consumer [name: m3aggregator, env: default_env, zone: embedded]"
            ),
            (with(ConsumerFilters(shardSet: "")), "invalid topic: shard set filter is empty"),
            (
                with(ConsumerFilters(percentage: 0)),
                "invalid topic: percentage filter is 0.0, it must lie between 0 and 100"
            ),
            (
                with(ConsumerFilters(percentage: .nan)),
                "invalid topic: percentage filter is nan, it must lie between 0 and 100"
            ),
            (with(ConsumerFilters(storagePolicies: [])), "invalid topic: storage policy filter lists no policy"),
            (
                with(ConsumerFilters(storagePolicies: ["10s:2d", ""])),
                "invalid topic: storage policy filter has an empty policy"
            ),
        ]
        for (topic, message) in cases {
            let error = #expect(throws: ClusterError.self) { try topic.protobuf() }
            #expect(error?.description == message)
        }
    }

    @Test func anUnknownConsumptionTypeIsUndecodable() throws {
        var bytes = try Self.ingest.protobuf()
        let type = try #require(bytes.lastIndex(of: 0x10)) + 1
        bytes[type] = 0
        let error = #expect(throws: ClusterError.self) { try Topic(protobuf: bytes) }
        #expect(error?.description == "can't decode topic: invalid consumption type in protobuf: UNKNOWN")
        #expect(throws: ClusterError.self) { try Topic(protobuf: Array(bytes.dropLast(3))) }
    }

    /// Every cut and every flipped bit gives a topic or an error.
    @Test func damagedBytesNeverTrap() throws {
        let bytes = try Self.ingest.protobuf()
        for index in bytes.indices {
            _ = try? Topic(protobuf: Array(bytes[..<index]))
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                _ = try? Topic(protobuf: damaged)
            }
        }
    }

    @Test func eachWriteIsACompareAndSet() async throws {
        try await withStore { store in
            let topics = TopicStore(store: store)
            #expect(try await topics.get("aggregator_ingest") == nil)
            #expect(try await topics.checkAndSet(Self.ingest, version: 0) == 1)
            await #expect(
                throws: ClusterError.keyValue(
                    .versionMismatch(key: "/topic/default_env/aggregator_ingest", expected: 0, actual: 1))
            ) { try await topics.checkAndSet(Self.ingest, version: 0) }
            #expect(try await topics.get("aggregator_ingest") == Versioned(value: Self.ingest, version: 1))
            #expect(try await store.get("/topic/default_env/aggregator_ingest").bytes == Self.ingest.protobuf())
            try await topics.delete("aggregator_ingest")
            #expect(try await topics.get("aggregator_ingest") == nil)
        }
    }

    @Test func anUpdateThatChangesNothingWritesNothing() async throws {
        try await withStore { store in
            let topics = TopicStore(store: store)
            for _ in 0..<3 {
                let topic = try await topics.update("aggregator_ingest") { _ in Self.ingest }
                #expect(topic.version == 1)
            }
        }
    }

    @Test func concurrentUpdatesAllTakeEffect() async throws {
        try await withStore { store in
            let topics = TopicStore(store: store)
            try await topics.checkAndSet(Topic(name: "t", numberOfShards: 4), version: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in ["a", "b", "c"] {
                    group.addTask {
                        _ = try await topics.update("t") { current in
                            var topic = current ?? Topic(name: "t", numberOfShards: 4)
                            topic.consumerServices.append(
                                ConsumerService(serviceID: ServiceID(name: name), consumptionType: .shared))
                            return topic
                        }
                    }
                }
                try await group.waitForAll()
            }
            let names = try await topics.get("t")?.value.consumerServices.map(\.serviceID.name)
            #expect(names?.sorted() == ["a", "b", "c"])
        }
    }

    @Test func aWatchPassesOverDeletionsAndReportsWhatCanNotBeUsed() async throws {
        try await withStore { store in
            let topics = TopicStore(store: store)
            var watch = try await topics.watch("t").makeAsyncIterator()
            var topic = Topic(name: "t", numberOfShards: 4)
            try await topics.checkAndSet(topic, version: 0)
            #expect(value(await watch.next()) == Versioned(value: topic, version: 1))

            try await store.set("/topic/default_env/t", [0xff])
            guard case .rejected(.undecodable, version: 2) = await watch.next() else {
                Issue.record("damaged bytes were not reported")
                return
            }
            try await topics.delete("t")
            topic.numberOfShards = 8
            try await topics.checkAndSet(topic, version: 0)
            #expect(value(await watch.next()) == Versioned(value: topic, version: 1))
        }
    }

    private func value(_ update: ValueUpdate<Topic>?) -> Versioned<Topic>? {
        guard case .value(let value) = update else { return nil }
        return value
    }
}
