#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Paths as text, split and joined at slashes.
package enum Path {
    /// The folder that contains the path: `.` for a bare name.
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The part after the last slash.
    package static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    /// The path with symbolic links resolved. Throws `notFound` or `io`.
    package static func resolvingLinks(_ path: String) throws -> String {
        var resolved: String?
        _ = try SystemCalls.check(.open, path) {
            guard let buffer = unsafe realpath(path, nil) else { return -1 }
            defer { unsafe free(buffer) }
            resolved = unsafe String(cString: buffer)
            return 0
        }
        return resolved ?? path
    }

    package static func join(_ folder: String, _ name: String) -> String {
        if folder == "." { return name }
        return folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }
}
