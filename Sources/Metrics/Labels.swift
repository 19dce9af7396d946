/// A series' labels in M3's tag serialisation, sorted bytewise by name: one buffer, compared and hashed as bytes.
///
/// Layout (all numbers little-endian 16 bit): magic 10101, number of labels, then for each label the length and
/// bytes of its name and of its value. Names are unique and not empty. Source: `docs/ids-and-tags.md`.
public struct Labels: Sendable, Hashable {
    /// The canonical bytes. Equal labels have equal bytes.
    public let encoded: [UInt8]

    /// Takes bytes that are known to be canonical, such as those read back from our own storage.
    public init(canonicalBytes: [UInt8]) { encoded = canonicalBytes }
}
