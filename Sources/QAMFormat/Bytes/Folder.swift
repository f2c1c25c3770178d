#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Folder operations.
package enum Folder {
    /// The names in a folder, without `.` and `..`, in byte order. Throws `notFound` or `io`.
    package static func names(in path: String) throws -> [String] {
        // The pointer as an integer, so that a failure is handled like that of other calls; -1 is never an address.
        let address = try SystemCalls.check(.list, path) { unsafe opendir(path).map { Int(bitPattern: $0) } ?? -1 }
        guard let folder = unsafe OpaquePointer(bitPattern: address) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let name = try unsafe nextName(in: folder, path) {
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The next entry of an open folder, nil at its end. `readdir` distinguishes the end from a failure only by errno.
    private static func nextName(in folder: OpaquePointer, _ path: String) throws -> String? {
        var name: String?
        _ = try SystemCalls.check(.list, path) {
            errno = 0
            guard let entry = unsafe readdir(folder) else { return errno == 0 ? 0 : -1 }
            name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            return 0
        }
        return name
    }

    /// Creates the folder unless it exists.
    package static func create(_ path: String) throws {
        if try FileStatus(path)?.kind == .folder { return }
        let (_, code) = SystemCalls.attempt(.makeFolder) { unsafe mkdir(path, 0o777) }
        guard code == 0 else {
            throw QAMError(.cannotCreate, "cannot create the folder: \(SystemCalls.text(of: code))", at: .init(file: path))
        }
    }

    /// Removes the folder if it is empty.
    package static func removeIfEmpty(_ path: String) { _ = unsafe rmdir(path) }

    /// The free bytes of the file system that contains `path`, or nil if it does not report them.
    package static func freeBytes(at path: String) -> Int? {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }
}
