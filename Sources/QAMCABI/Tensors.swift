public import CQAMW
import QAMFormat

@c(qamw_get_tensor) @implementation
public func qamw_get_tensor(
    _ file: OpaquePointer?, _ index: UInt64, _ tensor: UnsafeMutablePointer<qamw_tensor>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let handle = try unsafe object(file, "file", as: FileHandle.self)
        let index = try handle.reader.tensors.checkedIndex(index, "tensor")
        try unsafe store(handle.tensor(index), in: tensor, "tensor")
    }
}

@c(qamw_find_tensor) @implementation
public func qamw_find_tensor(
    _ file: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ index: UnsafeMutablePointer<UInt64>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let reader = try unsafe object(file, "file", as: FileHandle.self).reader
        let name = try unsafe text(name, "name"), index = try unsafe required(index, "index")
        guard let found = reader.index(of: name) else { throw reader.missing("tensor", name) }
        unsafe index.pointee = UInt64(found)
    }
}

extension QAMReader {
    /// The error for an unknown name.
    func missing(_ what: String, _ name: String) -> QAMError {
        QAMError(.notFound, "there is no \(what) \"\(name)\"", at: .init(file: inputs.first))
    }
}

@c(qamw_dequantize) @implementation
public func qamw_dequantize(
    _ file: OpaquePointer?, _ index: UInt64, _ first: UInt64, _ rows: UInt64, _ type: UInt32, _ out: UnsafeMutableRawPointer?,
    _ room: UInt64, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let view = try unsafe object(file, "file", as: FileHandle.self).view(index)
        let rows = try range(first, rows, of: view.rows, "rows")
        // The product is at most the number of elements, which has been checked.
        let count = rows.count * view.columns
        guard count <= room else {
            throw QAMError(.invalidArgument, "\(rows.count) rows of \(view.columns) do not fit in \(room) elements", at: .init(tensor: view.name))
        }
        guard count > 0 else { return }
        switch Int(type) {
        case QAMW_F32:
            let out = try unsafe required(out?.assumingMemoryBound(to: Float.self), "out")
            var span = unsafe MutableSpan(_unsafeStart: out, count: count)
            try view.dequantize(rows: rows, into: &span)
        case QAMW_F16, QAMW_BF16:
            let out = try unsafe required(out?.assumingMemoryBound(to: UInt16.self), "out")
            var span = unsafe MutableRawSpan(_unsafeStart: out, byteCount: 2 * count)
            try view.dequantize(rows: rows, as: Int(type) == QAMW_F16 ? .f16 : .bf16, into: &span)
        default: throw QAMError(.invalidArgument, "\(type) is not an element type")
        }
    }
}
