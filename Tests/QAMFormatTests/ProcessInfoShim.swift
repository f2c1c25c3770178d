#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The few system calls that tests need and the library does not offer.
enum ProcessInfoShim {
    static var temporaryFolder: String {
        unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    }

    static func removeFolder(_ path: String) { _ = unsafe rmdir(path) }
}
