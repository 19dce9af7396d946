import EtcdProtocol
import Foundation
import KeyValue
import Testing

@testable import Etcd

/// Reads and a watch report the same key in any order: which of it is news.
@Suite struct WatchedKeyTests {
    private static func value(_ revision: Int64) -> VersionedValue {
        VersionedValue(bytes: [UInt8(revision)], version: 1, revision: revision)
    }

    @Test func onlyNewerFactsAreNews() {
        var key = WatchedKey(EtcdRead(value: Self.value(5), revision: 9))
        let news1 = key.learn(.present(Self.value(5)))
        #expect(!news1)
        let news2 = key.learn(.present(Self.value(4)))
        #expect(!news2)
        let news3 = key.learn(.absent(revision: 4))
        #expect(!news3)
        let news4 = key.learn(.present(Self.value(10)))
        #expect(news4)
        let news5 = key.learn(.absent(revision: 12))
        #expect(news5)
        let news6 = key.learn(.absent(revision: 13))
        #expect(!news6)
        #expect(key.value == nil)
        // Written before it was seen to be absent.
        let news7 = key.learn(.present(Self.value(11)))
        #expect(!news7)
        let news8 = key.learn(.present(Self.value(14)))
        #expect(news8)
        #expect(key.revision == 14)
    }

    @Test func aReadThatWasOvertakenByTheWatchIsNone() {
        var key = WatchedKey(EtcdRead(value: nil, revision: 3))
        let news9 = key.learn(.present(Self.value(6)))
        #expect(news9)
        let news10 = key.learn(EtcdRead(value: nil, revision: 5), knownBefore: 3)
        #expect(!news10)
        #expect(key.value == Self.value(6))
    }

    @Test func aStoreThatWentBackIsAnotherOne() {
        var key = WatchedKey(EtcdRead(value: Self.value(50), revision: 60))
        let news11 = key.learn(EtcdRead(value: Self.value(2), revision: 3), knownBefore: 60)
        #expect(news11)
        #expect(key.value == Self.value(2))
        let news12 = key.learn(.present(Self.value(4)))
        #expect(news12)
        let news13 = key.learn(EtcdRead(value: nil, revision: 1), knownBefore: 4)
        #expect(news13)
        #expect(key.value == nil)
    }

    @Test func eventsCarryTheRevisionOfTheirWrite() {
        var put = Mvccpb_Event()
        put.kv.key = Data("a".utf8)
        put.kv.value = Data([7])
        put.kv.version = 3
        put.kv.modRevision = 8
        #expect(WatchedKey.Fact(put) == .present(VersionedValue(bytes: [7], version: 3, revision: 8)))
        var delete = Mvccpb_Event()
        delete.type = .delete
        delete.kv.modRevision = 9
        #expect(WatchedKey.Fact(delete) == .absent(revision: 9))
    }
}
