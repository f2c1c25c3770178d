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
    /// What the file takes of its file system: holes take nothing.
    package let allocatedByteCount: Int
    /// Identifies the file on this machine, whatever name it goes by.
    public let device: UInt64
    public let inode: UInt64
    /// The names that the file has.
    package let linkCount: Int
    /// Nanoseconds since 1970, of the content.
    public let modified: Int
    /// Nanoseconds since 1970, of content, names, owner or mode: programs cannot set it back.
    package let changed: Int
    /// Who may do what with it, and whose it is.
    package let permissions: Permissions

    package struct Permissions: Hashable, Sendable {
        package let mode: UInt32
        package let owner: UInt32
        package let group: UInt32
    }

    /// Follows symbolic links. Nil where nothing is there. Throws `io` where the path cannot be reached.
    public init?(_ path: String) throws {
        var status = stat()
        let (_, code) = SystemCalls.attempt(.status) { unsafe stat(path, &status) }
        switch code {
        case 0: self.init(status)
        case ENOENT, ENOTDIR, ENAMETOOLONG: return nil
        default: throw SystemCalls.error(.status, code, path)
        }
    }

    /// Does not follow a symbolic link at the path's end: it is of kind `other`. Nil where nothing is there.
    package init?(link path: String) throws {
        var status = stat()
        let (_, code) = SystemCalls.attempt(.status) { unsafe lstat(path, &status) }
        switch code {
        case 0: self.init(status)
        case ENOENT, ENOTDIR, ENAMETOOLONG: return nil
        default: throw SystemCalls.error(.status, code, path)
        }
    }

    /// The status of an open file. `path` is what errors name it.
    package init(descriptor: CInt, path: String) throws {
        var status = stat()
        _ = try SystemCalls.check(.status, path) { unsafe fstat(descriptor, &status) }
        self.init(status)
    }

    /// Whether both are the same file, whatever names it was found by.
    package func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }

    private init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .other
            }
        byteCount = Int(status.st_size)
        allocatedByteCount = Int(clamping: status.st_blocks) * 512
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
        linkCount = Int(status.st_nlink)
        permissions = Permissions(mode: UInt32(status.st_mode) & 0o7777, owner: status.st_uid, group: status.st_gid)
        #if canImport(Darwin)
            modified = status.st_mtimespec.tv_sec * 1_000_000_000 + status.st_mtimespec.tv_nsec
            changed = status.st_ctimespec.tv_sec * 1_000_000_000 + status.st_ctimespec.tv_nsec
        #else
            modified = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
            changed = status.st_ctim.tv_sec * 1_000_000_000 + status.st_ctim.tv_nsec
        #endif
    }
}
