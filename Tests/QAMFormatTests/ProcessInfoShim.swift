#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The little that tests need of the system beyond what the library offers.
enum ProcessInfoShim {
    static var temporaryFolder: String {
        unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    }

    static func removeFolder(_ path: String) { _ = unsafe rmdir(path) }
}
