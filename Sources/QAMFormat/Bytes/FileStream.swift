#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A regular file read sequentially to its end: the length of kernel files (`/proc`, `/sys`) is not known in advance, and a file may grow.
package final class FileStream {
    private let file: OpenFile

    /// Throws `notFound` if there is no regular file, or `io`.
    package init(path: String) throws { file = try OpenFile(path: path) }

    /// The length that the file system reports; a hint only.
    package var expectedByteCount: Int { file.status.byteCount }

    /// The next bytes, at most `count` of them; none at the end. Throws `io`.
    package func next(_ count: Int) throws -> [UInt8] {
        let path = file.path, descriptor = file.descriptor
        return try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let target = UnsafeMutableRawBufferPointer(buffer)
            while initialized < count {
                let done = initialized
                let more = try SystemCalls.check(.read, path) {
                    unsafe read(descriptor, target.baseAddress?.advanced(by: done), count - done)
                }
                if more == 0 { break }
                initialized += more
            }
        }
    }
}
