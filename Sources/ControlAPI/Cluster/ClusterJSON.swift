import Cluster

/// Plans and states as JSON. Source: `docs/cluster.md`.
public enum ClusterJSON {
    /// `{"changes":…,"blocked":…,"steps":[{"action":…,"key":…,"detail":…}]}`.
    public static func text(_ plan: ClusterPlan) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("changes", plan.hasChanges)
            json.field("blocked", plan.isBlocked)
            json.key("steps")
            json.array(plan.steps) { json, step in
                json.object { json in
                    json.field("action", step.action.rawValue)
                    json.field("key", step.key)
                    json.field("detail", step.detail)
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    public static func text(_ status: ClusterStatus) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("environment", status.environment)
            json.field("numShards", status.numShards)
            json.field("replicas", status.replicas)
            json.key("shardSets")
            json.array(status.shardSets) { json, set in
                json.object { json in
                    json.field("id", set.id)
                    json.field("members", Int32(clamping: set.members))
                    json.key("leader")
                    if let leader = set.leader { json.string(leader) } else { json.null() }
                    json.key("flushLagNanos")
                    json.raw(set.flushLagNanos.map { "\($0)" } ?? "null")
                }
            }
            json.key("instances")
            json.array(status.members) { json, member in
                json.object { json in
                    json.field("service", member.service)
                    json.field("id", member.id)
                    json.field("endpoint", member.endpoint)
                    json.field("shardSet", member.shardSetID)
                    json.field("initializing", Int32(clamping: member.initializing))
                    json.field("available", Int32(clamping: member.available))
                    json.field("leaving", Int32(clamping: member.leaving))
                    json.field("leader", member.isLeader)
                }
            }
            json.key("topics")
            json.array(status.topics) { json, topic in TopicJSON.write(topic.message, to: &json) }
            json.key("problems")
            json.array(status.problems) { $0.string($1) }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
