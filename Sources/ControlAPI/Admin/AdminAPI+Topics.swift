import Cluster
import ControlProtocol
import Transport

/// `/api/v1/topic`.
extension AdminAPI {
    func addTopicRoutes(to router: inout HTTPRouter) {
        let path = "/api/v1/topic"
        route("POST", "\(path)/init", in: &router) { request, _ throws(AdminError) in try await initTopic(request) }
        route("GET", path, in: &router) { request, _ throws(AdminError) in try await getTopic(request) }
        route("POST", path, in: &router) { request, _ throws(AdminError) in try await addConsumer(request) }
        route("PUT", path, in: &router) { request, _ throws(AdminError) in try await updateConsumers(request) }
        route("DELETE", path, in: &router) { request, _ throws(AdminError) in try await deleteTopic(request) }
    }

    private static let defaultTopicName = "aggregated_metrics"

    private func topic(of request: HTTPRequest) throws(AdminError) -> (name: String, topics: TopicStore) {
        _ = try zone(of: request)
        let environment = Self.header(
            "Cluster-Environment-Name", of: request, default: ServiceID.defaultEnvironment)
        return (
            Self.header("Topic-Name", of: request, default: Self.defaultTopicName),
            TopicStore(store: store, environment: environment)
        )
    }

    private static func reply(_ topic: Topic, version: Int64) -> HTTPReply {
        var json = JSONWriter()
        json.object { json in
            json.key("topic")
            TopicJSON.write(topic.message, to: &json)
            json.field("version", UInt32(clamping: version))
        }
        return .json(json.bytes)
    }

    private func initTopic(_ request: HTTPRequest) async throws(AdminError) -> HTTPReply {
        let shards = try TopicRequest.numberOfShards(request.body)
        let (name, topics) = try topic(of: request)
        let topic = Topic(name: name, numberOfShards: shards)
        let version = try await AdminError.mapping { () async throws(ClusterError) in
            try await topics.checkAndSet(topic, version: 0)
        }
        return Self.reply(topic, version: version)
    }

    private func getTopic(_ request: HTTPRequest) async throws(AdminError) -> HTTPReply {
        do throws(AdminError) {
            let (name, topics) = try topic(of: request)
            let found = try await current(name, topics)
            return Self.reply(found.value, version: found.version)
        } catch {
            throw AdminError(404, error.text)
        }
    }

    private func current(_ name: String, _ topics: TopicStore) async throws(AdminError) -> Versioned<Topic> {
        let found = try await AdminError.mapping { () async throws(ClusterError) in try await topics.get(name) }
        guard let found else { throw AdminError(500, "key not found") }
        return found
    }

    private func addConsumer(_ request: HTTPRequest) async throws(AdminError) -> HTTPReply {
        let message = try TopicRequest.consumerService(request.body)
        let (name, topics) = try topic(of: request)
        let found = try await current(name, topics)
        // M3 runs into a nil pointer here; who reads the text finds the reason behind it.
        let panic = "caught panic: runtime error: invalid memory address or nil pointer dereference"
        guard let message else { throw AdminError(500, "\(panic): consumerService is missing") }
        guard message.hasServiceID else { throw AdminError(500, "\(panic): consumerService.serviceId is missing") }
        let consumer = try Self.consumer(message)
        var changed = found.value
        guard !changed.consumerServices.contains(where: { $0.serviceID == consumer.serviceID }) else {
            throw AdminError(500, "service \(consumer.serviceID) is already consuming the topic")
        }
        changed.consumerServices.append(consumer)
        let topic = changed
        let version = try await AdminError.mapping { () async throws(ClusterError) in
            try await topics.checkAndSet(topic, version: found.version)
        }
        return Self.reply(topic, version: version)
    }

    private static func consumer(_ message: Topicpb_ConsumerService) throws(AdminError) -> ConsumerService {
        do throws(AdminError) {
            return try AdminError.converting { () throws(ClusterError) in try ConsumerService(message) }
        } catch {
            throw .invalid(error.text)
        }
    }

    private func updateConsumers(_ request: HTTPRequest) async throws(AdminError) -> HTTPReply {
        let (messages, version) = try TopicRequest.update(request.body)
        let (name, topics) = try topic(of: request)
        let found: Versioned<Topic>
        do throws(AdminError) {
            found = try await current(name, topics)
        } catch {
            throw AdminError(404, error.text)
        }
        var consumers: [ConsumerService] = []
        for message in messages {
            do throws(AdminError) {
                consumers.append(try Self.consumer(message))
            } catch {
                throw .invalid("error converting consumer service '\(TopicJSON.compactText(message))': \(error.text)")
            }
        }
        let topic = Topic(
            name: found.value.name, numberOfShards: found.value.numberOfShards, consumerServices: consumers)
        do throws(AdminError) {
            let written = try await AdminError.mapping { () async throws(ClusterError) in
                try await topics.checkAndSet(topic, version: Int64(version))
            }
            return Self.reply(topic, version: written)
        } catch {
            throw AdminError(error.status, "error deleting service '\(name)': \(error.text)")
        }
    }

    private func deleteTopic(_ request: HTTPRequest) async throws(AdminError) -> HTTPReply {
        let (name, topics) = try topic(of: request)
        do throws(AdminError) {
            try await AdminError.mapping { () async throws(ClusterError) in try await topics.delete(name) }
        } catch {
            throw .invalid("error deleting service '\(name)': \(error.text)")
        }
        return HTTPReply(status: 200)
    }
}
