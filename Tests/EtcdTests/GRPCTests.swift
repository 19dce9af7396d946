import Cluster
import NIOCore
import Testing

@testable import Etcd

@Suite struct GRPCTests {
    @Test func messagesComeInAnyPieces() throws {
        let allocator = ByteBufferAllocator()
        var bytes: [UInt8] = []
        for message in [[1, 2, 3], [], [UInt8](repeating: 9, count: 300)] {
            bytes += Array(GRPCMessageFraming.framed(message, allocator: allocator).readableBytesView)
        }
        for piece in [1, 2, 7, 1000] {
            var framing = GRPCMessageFraming(maxMessageBytes: 300)
            var found: [Int] = []
            for start in stride(from: 0, to: bytes.count, by: piece) {
                var part = ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)])
                framing.append(&part)
                while let message = try framing.next() { found.append(message.readableBytes) }
            }
            #expect(found == [3, 0, 300])
        }
    }

    @Test func tooLargeAndCompressedMessagesAreErrors() {
        var large = GRPCMessageFraming(maxMessageBytes: 10)
        var bytes = ByteBuffer(bytes: [0, 0, 0, 0, 11])
        large.append(&bytes)
        #expect(throws: GRPCError.self) { _ = try large.next() }
        var compressed = GRPCMessageFraming(maxMessageBytes: 10)
        bytes = ByteBuffer(bytes: [1, 0, 0, 0, 1, 0])
        compressed.append(&bytes)
        #expect(throws: GRPCError.self) { try compressed.next() }
    }

    @Test func trailersBecomeErrors() {
        #expect(GRPCError.fromTrailers(status: "0", message: nil) == nil)
        #expect(GRPCError.fromTrailers(status: "14", message: "no%20leader%")?.message == "no leader%")
        #expect(GRPCError.fromTrailers(status: "14", message: "")?.isTransient == true)
        #expect(GRPCError.fromTrailers(status: "7", message: "")?.isTransient == false)
        #expect(GRPCError.fromTrailers(status: nil, message: nil)?.code == .unknown)
        #expect(
            GRPCError.fromTrailers(status: "16", message: "etcdserver: invalid auth token")?.asksForNewToken == true)
        #expect(GRPCError.fromTrailers(status: "3", message: "etcdserver: user name is empty")?.asksForNewToken == true)
        #expect(
            GRPCError.fromTrailers(status: "3", message: "etcdserver: key is not provided")?.asksForNewToken == false)
    }

    @Test func endpointsAreWrittenAsInM3sConfiguration() throws {
        for (text, isTLS) in [("http://a:2379", false), ("https://a:2379", true), ("a:2379", false)] {
            let parsed = try EtcdOptions.parse(endpoint: text)
            #expect(parsed.endpoint == Endpoint(host: "a", port: 2379))
            #expect(parsed.isTLS == isTLS)
        }
        #expect(throws: ClusterError.self) { try EtcdOptions.parse(endpoint: "http://a") }
    }

    @Test func theEndOfAPrefixIsTheKeyBehindIt() {
        #expect(Array(EtcdClient.end(ofPrefix: "a/")) == Array("a0".utf8))
        #expect(Array(EtcdClient.end(ofPrefix: "")) == [0])
    }
}
