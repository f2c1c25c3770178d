public import CQAMW
import QAMFormat

@c(qamw_get_embedded) @implementation
public func qamw_get_embedded(
    _ file: OpaquePointer?, _ index: UInt64, _ embedded: UnsafeMutablePointer<qamw_embedded>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let index = try handle.reader.files.checkedIndex(index, "embedded file")
        try unsafe store(handle.embedded(index), in: embedded, "embedded")
    }
}

@c(qamw_find_embedded) @implementation
public func qamw_find_embedded(
    _ file: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ index: UnsafeMutablePointer<UInt64>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let reader = try unsafe object(file, "file", as: FileHandle.self).reader
        let name = try unsafe text(name, "name"), index = try unsafe required(index, "index")
        guard let found = reader.files.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw reader.missing("embedded file", name)
        }
        unsafe index.pointee = UInt64(found)
    }
}

@c(qamw_read_embedded) @implementation
public func qamw_read_embedded(
    _ file: OpaquePointer?, _ index: UInt64, _ first: UInt64, _ count: UInt64, _ out: UnsafeMutableRawPointer?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let files = try unsafe object(file, "file", as: FileHandle.self).reader.files
        let embedded = files[try files.checkedIndex(index, "embedded file")]
        let range = try range(first, count, of: embedded.byteCount, "bytes of \"\(embedded.name)\"")
        guard !range.isEmpty else { return }
        guard let out = unsafe out else { throw QAMError.missing("out") }
        let content = try embedded.read(range)
        unsafe UnsafeMutableRawBufferPointer(start: out, count: content.count).copyBytes(from: content)
    }
}
