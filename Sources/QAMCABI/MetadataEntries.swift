public import CQAMW
import QAMFormat

@c(qamw_get_metadata) @implementation
public func qamw_get_metadata(
    _ file: OpaquePointer?, _ index: UInt64, _ entry: UnsafeMutablePointer<qamw_metadata>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let index = try handle.reader.metadata.entries.checkedIndex(index, "metadata entry")
        try unsafe store(handle.metadata(index), in: entry, "entry")
    }
}

@c(qamw_find_metadata) @implementation
public func qamw_find_metadata(
    _ file: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ index: UnsafeMutablePointer<UInt64>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let index = try unsafe required(index, "index")
        unsafe index.pointee = UInt64(try handle.metadataIndex(key))
    }
}

@c(qamw_get_int64) @implementation
public func qamw_get_int64(
    _ file: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ value: UnsafeMutablePointer<Int64>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let place = try unsafe required(value, "value")
        unsafe place.pointee = try handle.value(key, "64-bit integer") { $0.wholeNumber }
    }
}

@c(qamw_get_double) @implementation
public func qamw_get_double(
    _ file: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ value: UnsafeMutablePointer<Double>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let place = try unsafe required(value, "value")
        unsafe place.pointee = try handle.value(key, "number") { $0.number }
    }
}

@c(qamw_get_string) @implementation
public func qamw_get_string(
    _ file: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ value: UnsafeMutablePointer<qamw_string>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let place = try unsafe required(value, "value")
        _ = try unsafe handle.value(key, "string") { if case .string(let text) = $0 { text } else { nil } }
        let entry = try unsafe handle.metadata(handle.metadataIndex(key))
        if let values = unsafe entry.values { unsafe place.pointee = values.load(as: qamw_string.self) }
    }
}

extension FileHandle {
    @unsafe fileprivate func metadataIndex(_ key: UnsafePointer<CChar>?) throws -> Int {
        let key = try unsafe text(key, "key")
        guard let index = reader.metadata.index(of: key) else { throw reader.missing("metadata key", key) }
        return index
    }

    /// The result of `convert` for the key's value. Throws `invalidArgument` if it is nil.
    @unsafe fileprivate func value<Value>(
        _ key: UnsafePointer<CChar>?, _ kind: String, _ convert: (MetadataValue) -> Value?
    ) throws -> Value {
        let entry = reader.metadata.entries[try unsafe metadataIndex(key)]
        guard let value = convert(entry.value) else {
            throw QAMError(.invalidArgument, "the value of \"\(entry.key)\" is not a \(kind)", at: .init(file: reader.inputs.first))
        }
        return value
    }
}

extension MetadataValue {
    fileprivate var wholeNumber: Int64? {
        switch self {
        case .uint8(let value): Int64(value)
        case .int8(let value): Int64(value)
        case .uint16(let value): Int64(value)
        case .int16(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .int32(let value): Int64(value)
        case .uint64(let value): Int64(exactly: value)
        case .int64(let value): value
        case .bool(let value): value ? 1 : 0
        case .float32, .float64, .string, .array: nil
        }
    }

    fileprivate var number: Double? {
        switch self {
        case .float32(let value): Double(value)
        case .float64(let value): value
        case .uint64(let value): Double(value)
        case .bool: nil
        default: wholeNumber.map { Double($0) }
        }
    }
}
