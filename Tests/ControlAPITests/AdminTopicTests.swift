import Cluster
import Foundation
import KeyValue
import TestKit
import Testing
import Transport

@testable import ControlAPI

@Suite struct AdminTopicTests {
    private func consumer(_ name: String, _ type: String = "\"SHARED\"", ttl: String = "\"1\"") -> String {
        """
        {"serviceId":{"name":"\(name)","environment":"default_env","zone":"embedded"},"consumptionType":\(type),\
        "messageTtlNanos":\(ttl)}
        """
    }

    @Test(arguments: StoreKind.allCases) func failuresHaveM3sStatusAndText(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let client = Client(store)
            let name = "t"
            #expect(try await client.topic("GET", name: name) == failure(404, "key not found"))
            #expect(
                try await client.topic("POST", "", "{\"consumerService\":\(consumer("a"))}", name: name)
                    == failure(500, "key not found"))
            #expect(
                try await client.topic("PUT", "", "{\"consumerServices\":[],\"version\":1}", name: name)
                    == failure(404, "key not found"))
            #expect(
                try await client.topic("DELETE", name: name)
                    == failure(400, "error deleting service 't': key not found"))
            #expect(
                try await client.topic("POST", "/init", "{}", name: name) == failure(500, "invalid topic: zero shards"))

            #expect(try await client.topic("POST", "/init", "{\"number_of_shards\":\"4\"}", name: name).status == 200)
            #expect(
                try await client.topic("POST", "/init", "{\"numberOfShards\":4}", name: name)
                    == failure(500, "key is not at the specified version"))

            #expect(
                try await client.topic("POST", "", "{\"consumerService\":\(consumer("a", "0"))}", name: name)
                    == failure(400, "invalid consumption type in protobuf: UNKNOWN"))
            #expect(
                try await client.topic("POST", "", "{\"consumerService\":\(consumer("a", "\"BAD\""))}", name: name)
                    == failure(400, "unknown value \"BAD\" for enum topicpb.ConsumptionType"))
            #expect(
                try await client.topic("POST", "", "{\"consumerService\":\(consumer("a", "1"))}", name: name).status
                    == 200)
            #expect(
                try await client.topic("POST", "", "{\"consumerService\":\(consumer("a"))}", name: name)
                    == failure(
                        500, "service [name: a, env: default_env, zone: embedded] is already consuming the topic"))
            for body in ["{}", "{\"consumerService\":{}}"] {
                let answer = try await client.topic("POST", "", body, name: name)
                #expect(answer.status == 500)
                #expect(answer.body.contains("\"error\":\"caught panic: runtime error: "))
            }
            #expect(
                try await client.topic(
                    "PUT", "", "{\"consumerServices\":[\(consumer("b"))],\"version\":7}", name: name)
                    == failure(500, "error deleting service 't': key is not at the specified version"))
            #expect(
                try await client.topic(
                    "PUT", "", "{\"consumerServices\":[\(consumer("b", "0"))],\"version\":2}", name: name)
                    == failure(
                        400,
                        "error converting consumer service 'service_id:<name:\"b\" environment:\"default_env\" "
                            + "zone:\"embedded\" > message_ttl_nanos:1 ': invalid consumption type in protobuf: UNKNOWN"
                    ))
            #expect(
                try await client.topic(
                    "PUT", "", "{\"consumerServices\":[\(consumer("b")),\(consumer("b"))],\"version\":2}", name: name)
                    == failure(
                        500,
                        "error deleting service 't': invalid topic: duplicated consumer "
                            + "[name: b, env: default_env, zone: embedded]"))

            let updated = try await client.topic(
                "PUT", "", "{\"consumerServices\":[\(consumer("b", ttl: "9"))],\"version\":2}", name: name)
            #expect(
                updated
                    == Client.Answer(
                        status: 200,
                        body: """
                            {"topic":{"name":"t","numberOfShards":4,"consumerServices":[{"serviceId":{"name":"b",\
                            "environment":"default_env","zone":"embedded"},"consumptionType":"SHARED",\
                            "messageTtlNanos":"9","filters":null}]},"version":3}
                            """))
            #expect(try await client.topic("DELETE", name: name) == Client.Answer(status: 200, body: ""))
            #expect(try await client.topic("POST", "/init", "{\"numberOfShards\":4}", name: name).body.hasSuffix(":1}"))
        }
    }

    @Test func bodiesThatAreNoRequests() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store)
            for (body, text) in [
                ("", "EOF"), ("  \n", "EOF"), ("{", "unexpected EOF"), ("{\"numberOfShards\":", "unexpected EOF"),
                ("{\"foo\":1}", "unknown field \"foo\" in admin.TopicInitRequest"),
                ("{\"numberOfShards\":64.0}", "json: cannot unmarshal number 64.0 into Go value of type uint32"),
                ("{\"numberOfShards\":-1}", "json: cannot unmarshal number -1 into Go value of type uint32"),
                (
                    "{\"numberOfShards\":4294967296}",
                    "json: cannot unmarshal number 4294967296 into Go value of type uint32"
                ),
                ("{\"numberOfShards\":true}", "json: cannot unmarshal bool into Go value of type uint32"),
                ("{\"numberOfShards\":\"x\"}", "invalid character 'x' looking for beginning of value"),
                ("{\"numberOfShards\":\"\"}", "unexpected end of JSON input"),
                ("[]", "json: cannot unmarshal array into Go value of type map[string]json.RawMessage"),
                ("{numberOfShards:1}", "invalid character 'n' looking for beginning of object key string"),
                ("{\"a\" 1}", "invalid character '1' after object key"),
                ("nul", "unexpected EOF"), ("nil", "invalid character 'i' in literal null (expecting 'u')"),
            ] {
                #expect(try await client.topic("POST", "/init", body, name: "t") == failure(400, text), "\(body)")
            }
            for body in ["null", "{}", "{\"numberOfShards\":null} and more"] {
                #expect(
                    try await client.topic("POST", "/init", body, name: "t")
                        == failure(500, "invalid topic: zero shards"))
            }
            let deep = String(repeating: "[", count: 100_000)
            #expect(try await client.topic("POST", "/init", deep, name: "t").status == 400)
            #expect(
                try await client.topic("POST", "/init", "{\"numberOfShards\":1} behind it", name: "t").status == 200)
        }
    }

    @Test func headersAreTrimmedAndHaveDefaults() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store, environment: nil)
            #expect(try await client.topic("POST", "/init", "{\"numberOfShards\":1}", name: nil).status == 200)
            _ = try await store.get("/topic/default_env/aggregated_metrics")
            let reply = try await client.reply(
                "POST", "topic/init", "{\"numberOfShards\":1}",
                headers: [("Topic-Name", " x "), ("cluster-environment-name", "\te/f "), ("Cluster-Zone-Name", " ")])
            #expect(reply.status == 200)
            #expect(reply.headers["Content-Type"] == "application/json")
            #expect(reply.headers["Access-Control-Allow-Origin"] == "*")
            _ = try await store.get("/topic/e/f/x")
            #expect(
                try await client.send("GET", "topic", headers: [("Cluster-Zone-Name", "Z")])
                    == failure(404, "no etcd cluster found for zone: Z"))
            #expect(
                try await client.placement("m3aggregator", "GET", headers: [("Cluster-Zone-Name", "Z")])
                    == failure(500, "no etcd cluster found for zone: Z"))
        }
    }

    /// The topics that a real M3 wrote, made by calls: the same bytes under the same keys.
    @Test(arguments: StoreKind.allCases) func capturedTopicsAreMadeByCalls(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let client = Client(store)
            var count = 0
            for line in try Fixtures.vectors("etcd.jsonl") where line["type"] as? String == "topicpb.Topic" {
                let decoded = try #require(line["decoded"] as? [String: Any])
                let name = try #require(decoded["name"] as? String)
                _ = try await client.topic("DELETE", name: name)
                let shards = try #require(decoded["numberOfShards"] as? Int)
                #expect(
                    try await client.topic("POST", "/init", "{\"numberOfShards\":\(shards)}", name: name).status == 200)
                var answer = Client.Answer(status: 0, body: "")
                for consumer in try #require(decoded["consumerServices"] as? [[String: Any]]) {
                    let body = try JSONSerialization.data(withJSONObject: ["consumerService": consumer])
                    answer = try await client.topic("POST", "", String(decoding: body, as: UTF8.self), name: name)
                    #expect(answer.status == 200, "\(answer.body)")
                }
                let stored = try await store.get(try #require(line["key"] as? String))
                #expect(stored.bytes == (line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
                #expect(try await client.topic("GET", name: name) == answer)
                count += 1
            }
            #expect(count == 5)
        }
    }

    @Test func filtersAreShownInFull() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store)
            _ = try await client.topic("POST", "/init", "{\"numberOfShards\":1}", name: "t")
            let filters = """
                {"storagePolicyFilter":{"storagePolicies":["1m:40d"]},"percentageFilter":{"percentage":0.5},\
                "shardSetFilter":{"shardSet":"0..63"},"routingPolicyFilter":{"allowedTrafficTypes":["a<b"],"isDefault":true}}
                """
            let body = """
                {"consumerService":{"service_id":{"name":"a"},"consumption_type":"SHARED","filters":\(filters)}}
                """
            let answer = try await client.topic("POST", "", body, name: "t")
            #expect(answer.body.contains("\"filters\":" + filters.replacingOccurrences(of: "<", with: "\\u003c")))
            let partly = """
                {"consumerService":{"service_id":{"name":"b"},"consumption_type":2,"filters":{"percentage_filter":\
                {"percentage":50}}}}
                """
            #expect(
                try await client.topic("POST", "", partly, name: "t").body.contains(
                    """
                    "filters":{"storagePolicyFilter":null,"percentageFilter":{"percentage":50},"shardSetFilter":null,\
                    "routingPolicyFilter":null}
                    """))
        }
    }
}
