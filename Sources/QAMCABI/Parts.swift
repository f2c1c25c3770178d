public import CQAMW
import QAMFormat

extension TensorPart {
    fileprivate init(_ number: UInt32) throws {
        switch Int(number) {
        case QAMW_ELEMENTS: self = .elements
        case QAMW_SYMBOLS: self = .stream(.symbols)
        case QAMW_GAINS: self = .stream(.gains)
        case QAMW_CHANNEL_SCALES: self = .stream(.channelScales)
        case QAMW_CODEBOOK: self = .codebook
        default: throw QAMError(.invalidArgument, "\(number) is not a part")
        }
    }
}

@c(qamw_get_part) @implementation
public func qamw_get_part(
    _ file: OpaquePointer?, _ index: UInt64, _ part: UInt32, _ bytes: UnsafeMutablePointer<UnsafeRawPointer?>?,
    _ count: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let bytes = try unsafe required(bytes, "bytes"), count = try unsafe required(count, "count")
        let view = try handle.view(index), part = try TensorPart(part)
        unsafe count.pointee = UInt64(try view.byteCount(of: part))
        let isThere = unsafe count.pointee > 0 && (view.isMapped || part == .codebook)
        unsafe bytes.pointee = isThere ? try handle.part(part, of: view).baseAddress : nil
    }
}

@c(qamw_read_part) @implementation
public func qamw_read_part(
    _ file: OpaquePointer?, _ index: UInt64, _ part: UInt32, _ first: UInt64, _ count: UInt64, _ out: UnsafeMutableRawPointer?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let view = try unsafe object(file, "file", as: FileHandle.self).view(index)
        let part = try TensorPart(part)
        let range = try range(first, count, of: view.byteCount(of: part), "bytes")
        guard !range.isEmpty else { return }
        guard let out = unsafe out else { throw QAMError.missing("out") }
        try view.withBytes(of: part, range) { bytes in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(start: out, count: bytes.count).copyMemory(from: bytes)
            }
        }
    }
}
