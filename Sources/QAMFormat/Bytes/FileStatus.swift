#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the file system knows of a path.
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case file, folder, other }

    public let kind: Kind
    public let byteCount: Int
    /// Identifies the file on this machine, whatever name it goes by.
    public let device: UInt64
    public let inode: UInt64
    /// Nanoseconds since 1970.
    public let modified: Int

    /// Follows symbolic links. Nil where nothing is there or the path cannot be reached.
    public init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Nil where the descriptor is not open.
    init?(descriptor: CInt) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .other
            }
        byteCount = Int(status.st_size)
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
        #if canImport(Darwin)
        modified = status.st_mtimespec.tv_sec * 1_000_000_000 + status.st_mtimespec.tv_nsec
        #else
        modified = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
        #endif
    }
}

/// Questions to the file system that are about folders.
public enum Folder {
    /// The names in a folder, without `.` and `..`, in byte order.
    public static func names(in path: String) throws -> [String] {
        guard let folder = unsafe opendir(path) else {
            throw QAMError(.notFound, "cannot list the folder", at: .init(file: path))
        }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Creates the folder unless it exists.
    public static func create(_ path: String) throws {
        if let status = FileStatus(path), status.kind == .folder { return }
        guard unsafe mkdir(path, 0o755) == 0 else {
            throw QAMError(.cannotCreate, unsafe "cannot create the folder: \(String(cString: strerror(errno)))", at: .init(file: path))
        }
    }

    /// The bytes that may still be written to the file system that holds `path`, or nil where it does not say.
    public static func freeBytes(at path: String) -> Int? {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }
}

/// Paths as text: joined and taken apart at slashes.
public enum Path {
    /// The folder that holds the path: `.` for a bare name.
    public static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// What follows the last slash.
    public static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    /// The path of the file that symbolic links lead to; the path itself where nothing is there.
    public static func resolvingLinks(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    public static func join(_ folder: String, _ name: String) -> String {
        if folder == "." { return name }
        return folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }
}
