import CRoaring

/// A set of series ids (a Roaring bitmap). A class with one writer at a time; readers need it to stand still.
final class SeriesBitmap {
    private let bitmap: UnsafeMutablePointer<roaring_bitmap_t>

    init() { bitmap = Self.made(roaring_bitmap_create()) }

    private init(taking bitmap: UnsafeMutablePointer<roaring_bitmap_t>) { self.bitmap = bitmap }

    init(_ ids: some Sequence<UInt32>) {
        bitmap = Self.made(roaring_bitmap_create())
        for id in ids { roaring_bitmap_add(bitmap, id) }
    }

    /// - Returns: nil for bytes that are no bitmap.
    init?(serialized bytes: UnsafeRawBufferPointer) {
        guard
            let read = roaring_bitmap_portable_deserialize_safe(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        else { return nil }
        bitmap = read
    }

    deinit { roaring_bitmap_free(bitmap) }

    private static func made(
        _ bitmap: UnsafeMutablePointer<roaring_bitmap_t>?
    ) -> UnsafeMutablePointer<roaring_bitmap_t> {
        guard let bitmap else { fatalError("out of memory") }
        return bitmap
    }

    var count: Int { Int(truncatingIfNeeded: roaring_bitmap_get_cardinality(bitmap)) }
    var isEmpty: Bool { roaring_bitmap_is_empty(bitmap) }

    func contains(_ id: UInt32) -> Bool { roaring_bitmap_contains(bitmap, id) }
    func insert(_ id: UInt32) { roaring_bitmap_add(bitmap, id) }
    func remove(_ id: UInt32) { roaring_bitmap_remove(bitmap, id) }
    func intersects(_ other: SeriesBitmap) -> Bool { roaring_bitmap_intersect(bitmap, other.bitmap) }

    func formUnion(_ other: SeriesBitmap) { roaring_bitmap_or_inplace(bitmap, other.bitmap) }
    func formIntersection(_ other: SeriesBitmap) { roaring_bitmap_and_inplace(bitmap, other.bitmap) }
    func subtract(_ other: SeriesBitmap) { roaring_bitmap_andnot_inplace(bitmap, other.bitmap) }

    func copy() -> SeriesBitmap { SeriesBitmap(taking: Self.made(roaring_bitmap_copy(bitmap))) }

    /// All ids in ascending order.
    var ids: [UInt32] {
        let count = count
        return [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { roaring_bitmap_to_uint32_array(bitmap, base) }
            initialized = count
        }
    }

    /// The portable format of Roaring bitmaps, with runs compressed.
    func serialized() -> [UInt8] {
        roaring_bitmap_run_optimize(bitmap)
        let count = roaring_bitmap_portable_size_in_bytes(bitmap)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            initialized = base.withMemoryRebound(to: CChar.self, capacity: count) {
                roaring_bitmap_portable_serialize(bitmap, $0)
            }
        }
    }
}
