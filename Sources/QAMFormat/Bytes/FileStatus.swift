#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file system's information about a path.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case file, folder, other }

    package let kind: Kind
    package let byteCount: Int
    /// The bytes allocated on the file system: holes take none.
    package let allocatedByteCount: Int
    /// Identifies the file on this machine, under any name.
    package let device: UInt64
    package let inode: UInt64
    /// The number of hard links.
    package let linkCount: Int
    /// Time of the last content change, in nanoseconds since 1970.
    package let modified: Int
    /// Time of the last change of content, names, owner or mode, in nanoseconds since 1970: programs cannot set it back.
    package let changed: Int
    /// Mode and owner.
    package let permissions: Permissions

    package struct Permissions: Hashable, Sendable {
        package let mode: UInt32
        package let owner: UInt32
        package let group: UInt32
    }

    /// Follows symbolic links. Nil if nothing exists there. Throws `io` if the path cannot be accessed.
    package init?(_ path: String) throws {
        try self.init(path) { unsafe stat($0, &$1) }
    }

    /// Does not follow a symbolic link at the path's end: its kind is `other`. Nil if nothing exists there.
    package init?(link path: String) throws {
        try self.init(path) { unsafe lstat($0, &$1) }
    }

    private init?(_ path: String, _ call: (String, inout stat) -> CInt) throws {
        var status = stat()
        let (_, code) = SystemCalls.attempt(.status) { call(path, &status) }
        switch code {
        case 0: self.init(status)
        case ENOENT, ENOTDIR, ENAMETOOLONG: return nil
        default: throw SystemCalls.error(.status, code, path)
        }
    }

    /// The status of an open file. `path` is for error messages.
    package init(descriptor: CInt, path: String) throws {
        var status = stat()
        _ = try SystemCalls.check(.status, path) { unsafe fstat(descriptor, &status) }
        self.init(status)
    }

    /// Whether both are the same file, under any names.
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
