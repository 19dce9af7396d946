/// Which fields of a message are sub-messages, and which are lists of doubles: all that merging needs to know.
struct MergeSchema: Sendable {
    struct Child: Sendable {
        let field: UInt32
        let isRepeated: Bool
        let schema: MergeSchema
    }

    let children: [Child]
    let doubles: [UInt32]

    init(once: [UInt32: MergeSchema] = [:], many: [UInt32: MergeSchema] = [:], doubles: [UInt32] = []) {
        children =
            once.map { Child(field: $0.key, isRepeated: false, schema: $0.value) }
            + many.map { Child(field: $0.key, isRepeated: true, schema: $0.value) }
        self.doubles = doubles
    }

    /// Scalars and bytes only.
    static let leaf = MergeSchema()
    static let storagePolicy = MergeSchema(once: [1: leaf, 2: leaf])
    static let appliedPipeline = MergeSchema(
        many: [1: MergeSchema(once: [2: leaf, 3: MergeSchema(once: [2: leaf])])])
    static let pipelineMetadata = MergeSchema(once: [1: leaf, 3: appliedPipeline, 6: leaf], many: [2: storagePolicy])
    static let stagedMetadatas = MergeSchema(
        many: [1: MergeSchema(once: [3: MergeSchema(many: [1: pipelineMetadata])])])
    static let forwardMetadata = MergeSchema(once: [1: leaf, 2: storagePolicy, 3: appliedPipeline, 7: leaf])
    static let timedMetadata = MergeSchema(once: [1: leaf, 2: storagePolicy, 3: leaf])
    static let metricWithMetadatas = MergeSchema(once: [
        2: MergeSchema(once: [1: leaf, 2: stagedMetadatas]),
        3: MergeSchema(once: [1: MergeSchema(doubles: [2]), 2: stagedMetadatas]),
        4: MergeSchema(once: [1: leaf, 2: stagedMetadatas]),
        5: MergeSchema(once: [1: MergeSchema(doubles: [4, 6]), 2: forwardMetadata]),
        6: MergeSchema(once: [1: leaf, 2: timedMetadata]),
        7: MergeSchema(once: [1: leaf, 2: stagedMetadatas]),
        8: MergeSchema(once: [1: leaf, 2: storagePolicy, 3: leaf]),
    ])
}

/// Joins sub-messages that come in several pieces.
///
/// A sub-message that is there several times means all its pieces merged field by field, which is what their contents, one
/// behind the other, read as. The reference codec merges otherwise: it loses numbers of the earlier piece that the later
/// one leaves out, so that pieces are joined before it sees them.
enum SubmessageMerger {
    /// Whether any sub-message that belongs there once comes in several pieces.
    /// - Throws: a ``WireError`` for malformed bytes.
    static func isScattered(_ bytes: RawSpan, _ range: ByteRange, _ schema: MergeSchema) throws(WireError) -> Bool {
        var seen: UInt64 = 0
        var message = try WireCursor("metadata", bytes, range)
        while !message.isAtEnd {
            let tag = try message.tag(bytes)
            guard tag & 7 == 2, let child = schema.children.first(where: { $0.field == tag >> 3 }) else {
                try message.skip(tag, lastKnown: 0, bytes)
                continue
            }
            if !child.isRepeated {
                let bit: UInt64 = 1 << UInt64(child.field & 63)
                if seen & bit != 0 { return true }
                seen |= bit
            }
            if try isScattered(bytes, try message.lengthDelimited(bytes), child.schema) { return true }
        }
        return false
    }

    /// Appends a message whose contents are those of all pieces, with every sub-message and list of doubles in one piece.
    /// - Throws: a ``WireError`` for malformed bytes.
    static func append(
        _ bytes: RawSpan, _ pieces: [ByteRange], _ schema: MergeSchema, to writer: inout ByteWriter
    ) throws(WireError) {
        var parts: [UInt32: [ByteRange]] = [:]
        for piece in pieces {
            var message = try WireCursor("metadata", bytes, piece)
            while !message.isAtEnd {
                let start = message.offset
                let tag = try message.tag(bytes)
                let field = tag >> 3
                if tag & 7 == 2, let child = schema.children.first(where: { $0.field == field }) {
                    let contents = try message.lengthDelimited(bytes)
                    if child.isRepeated {
                        try writer.appendMessage(tag: UInt64(tag)) { (writer) throws(WireError) in
                            try append(bytes, [contents], child.schema, to: &writer)
                        }
                    } else {
                        parts[field, default: []].append(contents)
                    }
                } else if tag & 7 == 2 || tag & 7 == 1, schema.doubles.contains(field) {
                    parts[field, default: []].append(try doubles(tag, &message, bytes))
                } else {
                    try message.skip(tag, lastKnown: 0, bytes)
                    writer.append(contentsOf: bytes.extracting(start..<message.offset))
                }
            }
        }
        for (field, contents) in parts.sorted(by: { $0.key < $1.key }) {
            try writer.appendMessage(tag: UInt64(field) << 3 | 2) { (writer) throws(WireError) in
                if let child = schema.children.first(where: { $0.field == field }) {
                    try append(bytes, contents, child.schema, to: &writer)
                } else {
                    for range in contents { writer.append(contentsOf: bytes.extracting(range.offset..<range.end)) }
                }
            }
        }
    }

    private static func doubles(
        _ tag: UInt32, _ message: inout WireCursor, _ bytes: RawSpan
    ) throws(WireError) -> ByteRange {
        if tag & 7 == 1 {
            let range = ByteRange(offset: message.offset, count: 8)
            _ = try message.fixed64(bytes)
            return range
        }
        let range = try message.lengthDelimited(bytes)
        guard range.count.isMultiple(of: 8) else {
            throw .malformedPacked(field: "values", count: range.count)
        }
        return range
    }
}
