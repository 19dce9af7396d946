/// Growable raw memory that encoders append to, made to be emptied and filled again.
///
/// It cannot be copied, so that there is no reference counting and no check for unique ownership on each append: keep it
/// in a class or pass it `inout`. It grows without a limit of its own; whoever fills it bounds what is appended.
public struct ByteWriter: ~Copyable, @unchecked Sendable {
    @usableFromInline var base: UnsafeMutableRawPointer?
    @usableFromInline var capacity: Int
    /// Bytes written so far.
    public private(set) var count: Int

    /// - Parameter capacity: bytes to allocate at once.
    public init(capacity: Int = 0) {
        base = capacity > 0 ? .allocate(byteCount: capacity, alignment: 16) : nil
        self.capacity = max(0, capacity)
        count = 0
    }

    deinit { base?.deallocate() }

    public var isEmpty: Bool { count == 0 }

    /// Forgets what was written.
    public mutating func removeAll(keepingCapacity: Bool = true) {
        count = 0
        guard !keepingCapacity else { return }
        base?.deallocate()
        base = nil
        capacity = 0
    }

    /// Forgets what was written behind a length.
    /// - Precondition: `count` is at most the present count.
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "truncation to \(count) of \(self.count) bytes")
        self.count = count
    }

    /// Lends what was written.
    @inlinable
    public borrowing func withUnsafeBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy of what was written.
    public borrowing func array() -> [UInt8] { withUnsafeBytes { [UInt8]($0) } }

    public mutating func append(_ byte: UInt8) {
        let start = grow(by: 1)
        start.storeBytes(of: byte, as: UInt8.self)
    }

    public mutating func append(contentsOf bytes: RawSpan) {
        bytes.withUnsafeBytes { append(contentsOf: $0) }
    }

    public mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        grow(by: bytes.count).copyMemory(from: source, byteCount: bytes.count)
    }

    public mutating func append(contentsOf bytes: [UInt8]) {
        bytes.withUnsafeBytes { append(contentsOf: $0) }
    }

    public mutating func appendBigEndian(_ value: UInt32) {
        grow(by: 4).storeBytes(of: value.bigEndian, as: UInt32.self)
    }

    /// Replaces four bytes that were written before.
    /// - Precondition: they lie in what was written.
    public mutating func setBigEndian(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset <= count - 4, "no 4 bytes at \(offset) of \(count)")
        base?.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    /// Makes room for more bytes and counts them as written; the caller fills them.
    mutating func grow(by more: Int) -> UnsafeMutableRawPointer {
        let start = count
        if let base, more <= capacity &- start {
            count = start &+ more
            return base + start
        }
        let enlarged = enlarge(to: start + more)
        count = start + more
        return enlarged + start
    }

    @inline(never)
    private mutating func enlarge(to needed: Int) -> UnsafeMutableRawPointer {
        let newCapacity = max(256, needed, capacity &* 2)
        let new = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        if let base {
            new.copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = new
        capacity = newCapacity
        return new
    }
}
