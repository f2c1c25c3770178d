#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif
internal import QAMFormat

/// Checks requested sizes against this machine's memory, before allocation.
enum MemoryBound {
    /// The memory of this machine.
    private static let byteCount: Int = {
        let pages = Int(sysconf(CInt(_SC_PHYS_PAGES))), size = Int(sysconf(CInt(_SC_PAGESIZE)))
        return pages > 0 && size > 0 ? pages * size : .max
    }()

    /// Throws `limitExceeded` if `count` items of `bytes` bytes exceed this machine's memory.
    ///
    /// - Parameter what: names the items in the error.
    static func require(_ count: Int, of bytes: Int, _ what: String) throws {
        let (total, overflow) = count.multipliedReportingOverflow(by: bytes)
        guard overflow || total > byteCount else { return }
        let needed = overflow ? "more memory than can be counted" : "\(total >> 20) MiB of memory"
        throw QAMError(.limitExceeded, "\(what) need \(needed), and this machine has \(byteCount >> 20) MiB")
    }
}
