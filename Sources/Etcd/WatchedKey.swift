import EtcdProtocol
import KeyValue

/// What is known of a watched key: decides which of the things that reads and a watch report, in any order, are news.
struct WatchedKey {
    /// The state of the key is known up to this revision.
    private(set) var revision: Int64
    private(set) var value: VersionedValue?

    /// A fact about the key. Of a deletion, the revision at which it was absent.
    enum Fact: Equatable {
        case present(VersionedValue)
        case absent(revision: Int64)

        init(_ read: EtcdRead) {
            self = read.value.map { .present($0) } ?? .absent(revision: read.revision)
        }

        init(_ event: Mvccpb_Event) {
            self = event.type == .delete ? .absent(revision: event.kv.modRevision) : .present(VersionedValue(event.kv))
        }

        var revision: Int64 {
            switch self {
            case .present(let value): value.revision
            case .absent(let revision): revision
            }
        }
    }

    init(_ first: EtcdRead) {
        revision = first.revision
        value = first.value
    }

    /// Whether the fact is to be reported: it is newer than what was reported and differs.
    mutating func learn(_ fact: Fact) -> Bool {
        let reported = value?.revision ?? revision
        revision = max(revision, fact.revision)
        guard fact.revision > reported else { return false }
        switch fact {
        case .present(let new):
            value = new
            return true
        case .absent:
            defer { value = nil }
            return value != nil
        }
    }

    /// A linearizable read, which never reports less than what was known when it began. If it does, the store was replaced by
    /// another one (restored from a copy, or set up anew), and what was known counts no more. Returns whether it is to be reported.
    mutating func learn(_ read: EtcdRead, knownBefore: Int64) -> Bool {
        guard read.revision >= knownBefore else {
            let differs = read.value != value
            self = WatchedKey(read)
            return differs
        }
        let isNews = learn(Fact(read))
        revision = max(revision, read.revision)
        return isNews
    }
}
