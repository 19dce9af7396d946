import Cluster
import Foundation
import KeyValue
import TestKit
import Testing

@testable import ControlAPI

/// The six calls that set a pool up, with the bodies as people paste them, and M3's answers to the byte.
@Suite struct HowToTests {
    private static let environment = "namespace/m3db-cluster-name"

    @Test(arguments: StoreKind.allCases) func theHowToOfTheAggregator(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let client = Client(store, environment: Self.environment)
            let shards = (0..<64).map {
                """
                {"id":\($0),"state":"INITIALIZING","sourceId":"","cutoverNanos":"\(Client.cutover)","cutoffNanos":"0",\
                "redirectToShardId":null}
                """
            }.joined(separator: ",")
            func instance(_ number: Int, _ zone: String) -> String {
                """
                "m3aggregator0\(number):6000":{"id":"m3aggregator0\(number):6000","isolationGroup":"availability-zone-\(zone)",\
                "zone":"embedded","weight":100,"endpoint":"m3aggregator0\(number):6000","shards":[\(shards)],"shardSetId":1,\
                "hostname":"m3aggregator0\(number)","port":6000,"metadata":{"debugPort":0},"subclusterId":0}
                """
            }
            let aggregators = """
                {"placement":{"instances":{\(instance(1, "a")),\(instance(2, "b"))},"replicaFactor":2,"numShards":64,\
                "isSharded":true,"cutoverTime":"0","isMirrored":true,"maxShardSetId":1,"isSubclustered":false,\
                "instancesPerSubcluster":0},"version":
                """
            let made = try await client.placement(
                "m3aggregator", "POST", "/init",
                """
                {
                    "num_shards": 64,
                    "replication_factor": 2,
                    "instances": [
                        {
                            "id": "m3aggregator01:6000",
                            "isolation_group": "availability-zone-a",
                            "zone": "embedded",
                            "weight": 100,
                            "endpoint": "m3aggregator01:6000",
                            "hostname": "m3aggregator01",
                            "port": 6000
                        },
                        {
                            "id": "m3aggregator02:6000",
                            "isolation_group": "availability-zone-b",
                            "zone": "embedded",
                            "weight": 100,
                            "endpoint": "m3aggregator02:6000",
                            "hostname": "m3aggregator02",
                            "port": 6000
                        }
                    ]
                }
                """)
            #expect(made == Client.Answer(status: 200, body: aggregators + "0}"))
            #expect(
                try await client.placement("m3aggregator", "GET")
                    == Client.Answer(status: 200, body: aggregators + "1}"))

            func topic(_ name: String, _ consumers: String, _ version: Int) -> Client.Answer {
                Client.Answer(
                    status: 200,
                    body: """
                        {"topic":{"name":"\(name)","numberOfShards":64,"consumerServices":[\(consumers)]},"version":\(version)}
                        """)
            }
            func consumer(_ name: String, _ type: String) -> String {
                """
                {"serviceId":{"name":"\(name)","environment":"\(Self.environment)","zone":"embedded"},\
                "consumptionType":"\(type)","messageTtlNanos":"300000000000","filters":null}
                """
            }
            for (name, service, type) in [
                ("aggregator_ingest", "m3aggregator", "REPLICATED"), ("aggregated_metrics", "m3coordinator", "SHARED"),
            ] {
                let made = try await client.topic("POST", "/init", "{\n    \"numberOfShards\": 64\n}", name: name)
                #expect(made == topic(name, "", 1))
                let added = try await client.topic(
                    "POST", "",
                    """
                    {
                      "consumerService": {
                        "serviceId": {
                          "name": "\(service)",
                          "environment": "\(Self.environment)",
                          "zone": "embedded"
                        },
                        "consumptionType": "\(type)",
                        "messageTtlNanos": "300000000000"
                      }
                    }
                    """, name: name)
                #expect(added == topic(name, consumer(service, type), 2))
                #expect(try await client.topic("GET", name: name) == added)
            }

            let coordinators = """
                {"placement":{"instances":{"m3coordinator01":{"id":"m3coordinator01","isolationGroup":"","zone":"embedded",\
                "weight":0,"endpoint":"m3coordinator01:7507","shards":[],"shardSetId":0,"hostname":"m3coordinator01",\
                "port":7507,"metadata":{"debugPort":0},"subclusterId":0}},"replicaFactor":1,"numShards":0,"isSharded":false,\
                "cutoverTime":"0","isMirrored":false,"maxShardSetId":0,"isSubclustered":false,"instancesPerSubcluster":0},\
                "version":
                """
            let coordinator = try await client.placement(
                "m3coordinator", "POST", "/init",
                """
                {
                    "instances": [
                        {
                            "id": "m3coordinator01",
                            "zone": "embedded",
                            "endpoint": "m3coordinator01:7507",
                            "hostname": "m3coordinator01",
                            "port": 7507
                        }
                    ]
                }
                """)
            #expect(coordinator == Client.Answer(status: 200, body: coordinators + "0}"))
            #expect(
                try await client.placement("m3coordinator", "GET")
                    == Client.Answer(status: 200, body: coordinators + "1}"))

            let stored = try await store.get("_sd.placement/\(Self.environment)/m3coordinator")
            let published = """
                0a5a0a0f6d33636f6f7264696e61746f72303112470a0f6d33636f6f7264696e61746f7230311a08656d6265646465642a146d33636f6f\
                7264696e61746f7230313a37353037420f6d33636f6f7264696e61746f72303148d33a52001001
                """
            #expect(stored.bytes == Fixtures.bytes(hex: published))
            for key in [
                "/placement/\(Self.environment)/m3aggregator", "/topic/\(Self.environment)/aggregator_ingest",
                "/topic/\(Self.environment)/aggregated_metrics",
            ] { _ = try await store.get(key) }
        }
    }

    /// Two aggregators whose endpoints are the same service name, as a cluster of containers has them.
    @Test func instancesBehindOneServiceName() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store, environment: "m3db/m3-cluster")
            let body = """
                {"num_shards": 12, "replication_factor": 2, "instances": [
                  {"id": "m3aggregator-0", "isolation_group": "group1", "zone": "embedded", "weight": 100,
                   "endpoint": "m3aggregator.m3db:6000", "hostname": "m3aggregator-0", "port": 6000},
                  {"id": "m3aggregator-1", "isolation_group": "group2", "zone": "embedded", "weight": 100,
                   "endpoint": "m3aggregator.m3db:6000", "hostname": "m3aggregator-1", "port": 6000}]}
                """
            #expect(try await client.placement("m3aggregator", "POST", "/init", body).status == 200)
            #expect(
                try await client.placement("m3aggregator", "POST", "/init", body)
                    == failure(409, "key already has a value"))
            let placements = PlacementStore(
                store: store, serviceID: ServiceID(name: "m3aggregator", environment: "m3db/m3-cluster"))
            let placement = try #require(try await placements.get()).value
            #expect(placement.instances.map(\.id) == ["m3aggregator-0", "m3aggregator-1"])
            #expect(placement.instances.allSatisfy { $0.shards.count == 12 && $0.shardSetID == 1 })
        }
    }
}
