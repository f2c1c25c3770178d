#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Mapping, direct reading and read-ahead.
extension SystemCalls {
    /// The block size of direct reads, in the file and in memory.
    package static let directAlignment = 4096

    #if !canImport(Darwin)
        /// O_DIRECT is hidden by default in C, and differs by processor.
        #if arch(arm64) || arch(arm)
            private static let directFlag: CInt = 0o200000
        #else
            private static let directFlag: CInt = 0o40000
        #endif
    #endif

    /// Opens for reading, bypassing the page cache. Throws `io` if the file system refuses.
    static func openDirect(_ path: String) throws -> CInt {
        #if canImport(Darwin)
            let descriptor = try openReading(path)
            _ = fcntl(descriptor, F_NOCACHE, 1)
            return descriptor
        #else
            do {
                return try check(.open, path) { unsafe open(path, O_RDONLY | O_CLOEXEC | directFlag) }
            } catch let error as QAMError where error.code == .io {
                throw QAMError(.io, "the file system does not support direct reading (\(error.message)); open the file buffered", at: .init(file: path))
            }
        #endif
    }

    #if canImport(Darwin)
        private static let seekHole: CInt = 3, seekData: CInt = 4
    #else
        private static let seekData: CInt = 3, seekHole: CInt = 4
    #endif

    /// The first stored run of bytes in `range`; the rest are holes, which read as zeros. Nil if there is none. All of `range` if the file
    /// system does not report holes.
    static func storedRange(_ descriptor: CInt, in range: Range<Int>, path: String) throws -> Range<Int>? {
        guard !range.isEmpty else { return nil }
        let (start, code) = attempt(.read) { Int(lseek(descriptor, off_t(range.lowerBound), seekData)) }
        switch code {
        case 0: break
        case ENXIO: return nil
        case EINVAL, ENOTSUP, EOPNOTSUPP: return range
        default: throw error(.read, code, path)
        }
        guard start < range.upperBound else { return nil }
        let end = try check(.read, path) { Int(lseek(descriptor, off_t(start), seekHole)) }
        return max(start, range.lowerBound)..<min(end, range.upperBound)
    }

    /// Maps the first `length` bytes of a file, read-only.
    static func map(_ descriptor: CInt, length: Int, path: String) throws -> UnsafeRawBufferPointer {
        guard length > 0 else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        // The address as an integer, so that a failure is handled like that of other calls.
        let address = try check(.map, path) {
            unsafe Int(bitPattern: mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0))
        }
        return unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: length)
    }

    static func unmap(_ mapping: UnsafeRawBufferPointer) {
        guard let start = mapping.baseAddress else { return }
        _ = unsafe munmap(UnsafeMutableRawPointer(mutating: start), mapping.count)
    }

    /// Advises the system that a range of a mapping will be read soon. Failures are ignored.
    static func willNeed(_ mapping: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard let start = mapping.baseAddress, !range.isEmpty else { return }
        let page = Int(getpagesize())
        let lower = range.lowerBound / page * page
        _ = unsafe madvise(UnsafeMutableRawPointer(mutating: start + lower), range.upperBound - lower, MADV_WILLNEED)
    }

    /// Advises the system that a range of a file will be read soon. Failures are ignored.
    static func willNeed(_ descriptor: CInt, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        #if canImport(Darwin)
            var advice = radvisory(ra_offset: off_t(range.lowerBound), ra_count: CInt(clamping: range.count))
            _ = unsafe fcntl(descriptor, F_RDADVISE, &advice)
        #else
            _ = posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
        #endif
    }
}
