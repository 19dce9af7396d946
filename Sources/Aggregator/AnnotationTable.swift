import Glibc
import Metrics

/// Annotations by number: there are few distinct ones, and nearly every sample of the coordinator bears one.
///
/// Numbers start at 1. Windows name annotations without being counted as holders: when many have gathered,
/// ``sweep(marking:)`` forgets those that no open window names.
final class AnnotationTable {
    private let maxCount: Int
    private let seed: UInt64
    @exclusivity(unchecked) private var bytes: [[UInt8]?] = [nil]
    private var free: [UInt32] = []
    /// Open addressing; a slot is the number of an annotation, 0 for none.
    @exclusivity(unchecked) private var slots = [UInt32](repeating: 0, count: 64)
    private(set) var count = 0
    /// The count from which a sweep is worth its walk over all windows.
    private var sweepAt = 1_024

    init(maxCount: Int, seed: UInt64) {
        self.maxCount = maxCount
        self.seed = seed
    }

    /// The number of an annotation, nil at the limit.
    func number(of annotation: UnsafeRawBufferPointer) -> UInt32? {
        var i = Int(truncatingIfNeeded: Wyhash.hash(annotation, seed: seed)) & (slots.count - 1)
        while true {
            let number = slots[i]
            if number == 0 { break }
            if isEqual(number, annotation) { return number }
            i = (i + 1) & (slots.count - 1)
        }
        guard count < maxCount else { return nil }
        let number: UInt32
        if let unused = free.popLast() {
            number = unused
            bytes[Int(number)] = [UInt8](annotation)
        } else {
            number = UInt32(bytes.count)
            bytes.append([UInt8](annotation))
        }
        count += 1
        slots[i] = number
        if count * 2 > slots.count { rebuild(slots.count * 2) }
        return number
    }

    func bytes(_ number: UInt32) -> [UInt8] { bytes[Int(number)] ?? [] }

    var needsSweep: Bool { count >= min(sweepAt, max(maxCount, 1)) }

    /// Forgets the annotations that are not marked.
    func sweep(marking: (inout [Bool]) -> Void) {
        var isUsed = [Bool](repeating: false, count: bytes.count)
        marking(&isUsed)
        for number in 1..<bytes.count where !isUsed[number] && bytes[number] != nil {
            bytes[number] = nil
            free.append(UInt32(number))
            count -= 1
        }
        sweepAt = max(1_024, count * 2)
        rebuild(slots.count)
    }

    private func isEqual(_ number: UInt32, _ annotation: UnsafeRawBufferPointer) -> Bool {
        guard let own = bytes[Int(number)], own.count == annotation.count else { return false }
        guard let base = annotation.baseAddress else { return true }
        return own.withUnsafeBytes { $0.baseAddress.map { memcmp($0, base, annotation.count) == 0 } ?? true }
    }

    private func rebuild(_ size: Int) {
        slots = [UInt32](repeating: 0, count: size)
        for (number, annotation) in bytes.enumerated() {
            guard let annotation else { continue }
            var i = Int(truncatingIfNeeded: Wyhash.hash(annotation, seed: seed)) & (size - 1)
            while slots[i] != 0 { i = (i + 1) & (size - 1) }
            slots[i] = UInt32(number)
        }
    }
}
