import Foundation

/// A TCP connection to a server of the test, which sends and receives plain bytes.
public final class LoopbackPeer {
    private var descriptor: Int32

    public init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .ECONNREFUSED) }
        var noDelay: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close() }

    public func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPIPE) }
            sent += count
        }
    }

    /// What has arrived by now; waits for the first byte up to the limit. Empty when nothing came or the server closed.
    public func receive(waitingMilliseconds limit: Int32) -> [UInt8] {
        var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Foundation.poll(&query, 1, limit) > 0 else { return [] }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        return count > 0 ? Array(chunk[..<count]) : []
    }

    public func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }
}

/// Cuts a byte stream into frames that begin with their length as four bytes, the highest first.
public struct LengthPrefixedFrames {
    private var rest: [UInt8] = []

    public init() {}

    /// Bytes behind the last whole frame.
    public var pending: Int { rest.count }

    /// Takes more of the stream and returns the frames that are whole now, without their length.
    public mutating func take(_ bytes: [UInt8]) -> [[UInt8]] {
        rest += bytes
        var frames: [[UInt8]] = []
        var start = 0
        while rest.count - start >= 4 {
            let count = rest[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard rest.count - start - 4 >= count else { break }
            frames.append(Array(rest[start + 4..<start + 4 + count]))
            start += 4 + count
        }
        rest.removeFirst(start)
        return frames
    }
}
