import Glibc

/// System calls on files, retried on EINTR, with errors that name the call and the path.
enum FileCall {
    @discardableResult
    static func check(_ what: String, _ call: () -> Int32) throws(KeyValueError) -> Int32 {
        while true {
            let result = call()
            if result >= 0 { return result }
            if errno != EINTR { throw .unavailable(message(what, errno)) }
        }
    }

    static func message(_ what: String, _ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "\(what): error \(code)" }
        let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return "\(what): \(String(decoding: text, as: UTF8.self))"
    }

    static func readAll(_ file: Int32, path: String) throws(KeyValueError) -> [UInt8] {
        var status = stat()
        try check("stat \(path)") { fstat(file, &status) }
        let wanted = Int(status.st_size)
        var bytes = [UInt8](repeating: 0, count: wanted)
        var count = 0
        while count < wanted {
            let got = bytes.withUnsafeMutableBytes {
                pread(file, $0.baseAddress?.advanced(by: count), wanted - count, off_t(count))
            }
            if got == 0 { break }
            if got < 0 {
                if errno == EINTR { continue }
                throw .unavailable(message("read \(path)", errno))
            }
            count += got
        }
        bytes.removeLast(wanted - count)
        return bytes
    }

    static func writeAll(_ file: Int32, _ bytes: [UInt8], at offset: Int, path: String) throws(KeyValueError) {
        var count = 0
        while count < bytes.count {
            let put = bytes.withUnsafeBytes {
                pwrite(file, $0.baseAddress?.advanced(by: count), bytes.count - count, off_t(offset + count))
            }
            if put < 0 {
                if errno == EINTR { continue }
                throw .unavailable(message("write \(path)", errno))
            }
            count += put
        }
    }

    /// Makes a rename or a new name in the directory durable.
    static func syncDirectory(_ directory: String) throws(KeyValueError) {
        let descriptor = try check("open \(directory)") { open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { close(descriptor) }
        try check("sync \(directory)") { fsync(descriptor) }
    }
}
