public import CQAMW
import QAMFormat

@c(qamw_abi_version) @implementation
public func qamw_abi_version() -> UInt32 { UInt32(QAMW_ABI_VERSION) }

@c(qamw_version) @implementation
public func qamw_version() -> UnsafePointer<CChar>? { unsafe version.text }

private let version = VersionText()

/// Memory of a global is never freed.
@safe private struct VersionText: ~Copyable, @unchecked Sendable {
    let text: UnsafePointer<CChar>
    private var memory = LentMemory()

    init() { unsafe text = memory.text(Version.text) }
}

@c(qamw_open) @implementation
public func qamw_open(
    _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<qamw_options>?, _ file: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        try unsafe storeHandle(in: file, "file") {
            let path = try unsafe text(path, "path")
            let options = try unsafe load(options, "options")
            return try FileHandle(QAMReader(path: path, access: AccessMode(options.access), verifiesPayload: options.verifies_payload != 0))
        }
    }
}

extension AccessMode {
    fileprivate init(_ number: UInt32) throws {
        switch Int(number) {
        case QAMW_MAPPED: self = .mapped
        case QAMW_BUFFERED: self = .buffered
        case QAMW_DIRECT: self = .direct
        default: throw QAMError(.invalidArgument, "\(number) is not an access mode")
        }
    }
}

@c(qamw_close) @implementation
public func qamw_close(_ file: OpaquePointer?) { unsafe release(file, as: FileHandle.self) }

@c(qamw_get_info) @implementation
public func qamw_get_info(
    _ file: OpaquePointer?, _ info: UnsafeMutablePointer<qamw_info>?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let reader = try unsafe object(file, "file", as: FileHandle.self).reader
        var made = qamw_info()
        made.format_major = UInt32(reader.version.major)
        made.format_minor = UInt32(reader.version.minor)
        made.tensors = UInt64(reader.tensors.count)
        made.metadata = UInt64(reader.metadata.entries.count)
        made.embedded = UInt64(reader.files.count)
        made.warnings = UInt64(reader.warnings.count)
        try unsafe store(made, in: info, "info")
    }
}

@c(qamw_get_warning) @implementation
public func qamw_get_warning(
    _ file: OpaquePointer?, _ index: UInt64, _ text: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let index = try handle.reader.warnings.checkedIndex(index, "warning")
        try unsafe required(text, "text").pointee = handle.warning(index).text
    }
}
