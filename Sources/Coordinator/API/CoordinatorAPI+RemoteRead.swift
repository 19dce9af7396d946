import Metrics
import Query
import Transport
import WireFormat

/// Prometheus' remote read, with answers of the SAMPLES type.
extension CoordinatorAPI {
    func remoteRead(_ request: HTTPRequest) async throws -> HTTPReply {
        let queries = try queries(in: request.body)
        let source = try source(try ReadScope(headers: request.headers))
        return try await Self.withTimeout(nanos: options.queryTimeoutNanos) {
            // A writer is not copyable and does not outlive an await: results first, then their bytes.
            var results: [[QuerySeries]] = []
            var samples = 0
            for query in queries {
                var limits = options.limits
                limits.maxSamples -= samples
                let found = try await source.select(
                    matchers: query.matchers.map(Self.matcher),
                    in: Query.TimeRange(startMillis: query.startMillis, endMillis: query.endMillis), limits: limits)
                samples += found.reduce(0) { $0 + $1.timestamps.count }
                results.append(found)
            }
            return HTTPReply(
                status: 200, headers: ["Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"],
                body: try Self.encode(results))
        }
    }

    private func queries(in body: [UInt8]) throws(QueryError) -> [RemoteReadQuery] {
        do {
            let bytes = try Snappy.decompress(body.span.bytes, limit: options.maxRemoteReadBytes)
            let queries = try RemoteReadRequest.read(bytes.span.bytes, in: ByteRange(offset: 0, count: bytes.count))
            guard queries.count <= options.maxRemoteReadQueries else {
                throw WireError.limitExceeded(
                    field: "queries of a remote read", value: queries.count, limit: options.maxRemoteReadQueries)
            }
            return queries
        } catch {
            throw QueryError(
                .badData, "the body is no remote read request (a snappy block of protobuf ReadRequest): \(error)")
        }
    }

    private static func matcher(_ matcher: RemoteReadMatcher) -> Query.LabelMatcher {
        let kind: Query.LabelMatcher.Kind =
            switch matcher.type {
            case .equal: .equal
            case .notEqual: .notEqual
            case .matches: .regex
            case .doesNotMatch: .notRegex
            }
        return Query.LabelMatcher(kind, name: matcher.name, value: matcher.value)
    }

    private static func encode(_ results: [[QuerySeries]]) throws(QueryError) -> [UInt8] {
        var writer = ByteWriter()
        for result in results {
            do {
                try RemoteReadResponse.append(result.lazy.map(wire), to: &writer)
            } catch {
                throw QueryError(
                    .execution, "the answer is too large (\(error)): ask for fewer series or a shorter range")
            }
        }
        return writer.withUnsafeBytes { Snappy.compress($0.bytes) }
    }

    private static func wire(_ series: QuerySeries) -> RemoteReadSeries {
        var labels: [(name: [UInt8], value: [UInt8])] = []
        labels.reserveCapacity(series.labels.count)
        func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            labels.append((Array(name), Array(value)))
        }
        series.labels.forEach(append)
        return RemoteReadSeries(
            labels: labels,
            samples: zip(series.timestamps, series.values).map { PrometheusSample(timestampMillis: $0, value: $1) })
    }
}
