import Foundation
import WireFormat

/// Remote write requests of 500 samples each over one connection that is kept open, as Prometheus sends them.
final class RemoteWriteLoad: Sendable {
    enum Failure: Error, CustomStringConvertible {
        case connection(String)
        case refused(String)

        var description: String {
            switch self {
            case .connection(let what): "remote write: \(what)"
            case .refused(let reply): "remote write was refused: \(reply)"
            }
        }
    }

    private struct Request: Sendable {
        var bytes: [UInt8] = []
        /// Where the samples' values stand; their times follow.
        var samples: [Int] = []
    }

    private static let samplesPerRequest = 500
    private let requests: [Request]

    init(series: Int) {
        requests = stride(from: 0, to: series, by: Self.samplesPerRequest).map { first in
            var request = Request()
            var writer = ByteWriter()
            for index in first..<min(first + Self.samplesPerRequest, series) {
                RemoteWriteWriter.append(
                    labels: Self.labels(index),
                    samples: [PrometheusSample(timestampMillis: 1_790_000_000_000, value: 1)],
                    to: &writer)
                // A sample ends its series: 8 bytes of value, a tag, 6 bytes of time.
                request.samples.append(writer.count - 15)
            }
            request.bytes = writer.array()
            return request
        }
    }

    private static func labels(_ index: Int) -> [(name: String, value: String)] {
        let pod = index / 50
        let codes = ["200", "201", "204", "301", "400", "401", "403", "404", "500", "503"]
        let service = pod % 40
        return [
            ("__name__", "http_requests_total"), ("code", codes[index % codes.count]), ("container", "server"),
            ("handler", "/api/v1/resource/\(index / 10 % 5)"), ("instance", "10.\(pod / 250).\(pod % 250).17:9090"),
            ("job", "kubernetes-pods"), ("method", "GET"), ("namespace", "production-eu-west-1"),
            ("pod", "service-\(service)-7d9f8b6c5d-\(pod)"), ("service", "service-\(service)"),
        ]
    }

    /// Sends at most `rate` samples a second, each series in turn with the present time.
    /// - Returns: the samples that were sent and taken.
    func send(samples: Int, rate: Int, port: Int, headers: [String]) throws -> Int {
        let connection = try Connection(port: port)
        let clock = ContinuousClock()
        let start = clock.now
        var sent = 0
        var turn = 0
        while sent < samples {
            let due = start + .microseconds(Int(Double(sent) / Double(rate) * 1e6))
            if due > clock.now { usleep(UInt32(clamping: Int((due - clock.now) / .microseconds(1)))) }
            var request = requests[turn % requests.count]
            stamp(&request, value: Double(turn))
            let body = Snappy.compress(request.bytes.span.bytes)
            try connection.post("/api/v1/prom/remote/write", headers: headers, body: body)
            sent += request.samples.count
            turn += 1
        }
        return sent
    }

    private func stamp(_ request: inout Request, value: Double) {
        var rest = UInt64(Date().timeIntervalSince1970 * 1e3)
        var time: [UInt8] = []
        for byte in 0..<6 {
            time.append(UInt8(rest & 0x7f) | (byte < 5 ? 0x80 : 0))
            rest >>= 7
        }
        request.bytes.withUnsafeMutableBytes { bytes in
            for offset in request.samples {
                bytes.storeBytes(of: (value + 1).bitPattern.littleEndian, toByteOffset: offset, as: UInt64.self)
                for (index, byte) in time.enumerated() { bytes[offset + 9 + index] = byte }
            }
        }
    }

    /// A blocking HTTP/1.1 connection.
    private final class Connection {
        private let socket: Int32

        init(port: Int) throws {
            socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw Failure.connection("cannot connect to port \(port)") }
        }

        deinit { close(socket) }

        func post(_ path: String, headers: [String], body: [UInt8]) throws {
            let lines =
                [
                    "POST \(path) HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/x-protobuf",
                    "Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0",
                    "Content-Length: \(body.count)",
                ] + headers + ["", ""]
            try sendAll(Array(lines.joined(separator: "\r\n").utf8) + body)
            let reply = try receive()
            guard reply.hasPrefix("HTTP/1.1 2") else { throw Failure.refused(reply) }
        }

        private func sendAll(_ bytes: [UInt8]) throws {
            try bytes.withUnsafeBytes { bytes in
                var offset = 0
                while offset < bytes.count {
                    let count = Glibc.send(
                        socket, bytes.baseAddress.map { $0 + offset }, bytes.count - offset,
                        Int32(MSG_NOSIGNAL))
                    guard count > 0 else { throw Failure.connection("the coordinator closed the connection") }
                    offset += count
                }
            }
        }

        /// A reply whose body, if any, has a length.
        private func receive() throws -> String {
            var reply: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = recv(socket, &chunk, chunk.count, 0)
                guard count > 0 else { throw Failure.connection("the coordinator closed the connection") }
                reply += chunk[..<count]
                let text = String(decoding: reply, as: UTF8.self)
                guard let end = text.range(of: "\r\n\r\n") else { continue }
                let length =
                    text[..<end.lowerBound].split(separator: "\r\n").lazy
                    .map { $0.lowercased() }.first { $0.hasPrefix("content-length:") }
                    .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
                if text[end.upperBound...].utf8.count >= length { return text }
            }
        }
    }
}
