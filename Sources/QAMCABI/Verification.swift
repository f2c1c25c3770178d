public import CQAMW
import QAMFormat

@c(qamw_verify) @implementation
public func qamw_verify(
    _ file: OpaquePointer?, _ tensors: UnsafePointer<UInt64>?, _ tensorCount: UInt64, _ threads: UInt32,
    _ handler: qamw_problem_handler?, _ context: UnsafeMutableRawPointer?, _ bytesVerified: UnsafeMutablePointer<UInt64>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe qamw_verify_and_warn(file, tensors, tensorCount, threads, handler, nil, context, bytesVerified, error)
}

@c(qamw_verify_and_warn) @implementation
public func qamw_verify_and_warn(
    _ file: OpaquePointer?, _ tensors: UnsafePointer<UInt64>?, _ tensorCount: UInt64, _ threads: UInt32,
    _ handler: qamw_problem_handler?, _ warn: qamw_warning_handler?, _ context: UnsafeMutableRawPointer?,
    _ bytesVerified: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let reader = try unsafe object(file, "file", as: FileHandle.self).reader
        let threads = try threadCount(threads)
        let names = try unsafe tensors.map { try unsafe reader.names(of: $0, tensorCount) }
        let report = try blocking { try await reader.verify(tensors: names, threads: threads) }
        unsafe bytesVerified?.pointee = UInt64(report.bytesVerified)
        for problem in report.problems { unsafe tell(handler, problem, context) }
        for warning in report.warnings { unsafe tell(warn, warning, context) }
        if let first = report.problems.first { throw first }
    }
}

extension QAMReader {
    @unsafe fileprivate func names(of indices: UnsafePointer<UInt64>, _ count: UInt64) throws -> [String] {
        // Duplicate indices are allowed; a count above the number of tensors is refused before the memory is read.
        guard count <= UInt64(tensors.count) else {
            throw QAMError(.invalidArgument, "\(count) tensors are out of range: there are \(tensors.count)")
        }
        let indices = unsafe UnsafeBufferPointer(start: try required(indices, "tensors"), count: Int(count))
        return try unsafe indices.map { tensors[try tensors.checkedIndex($0, "tensor")].name }
    }
}

@unsafe private func tell(_ handler: qamw_problem_handler?, _ error: QAMError, _ context: UnsafeMutableRawPointer?) {
    guard let handler = unsafe handler else { return }
    var memory = LentMemory()
    var problem = unsafe qamw_problem()
    unsafe problem.size = UInt32(MemoryLayout<qamw_problem>.size)
    unsafe problem.status = error.status
    unsafe problem.message = memory.text(error.description)
    unsafe problem.section = error.place.section.map { unsafe memory.text($0) }
    unsafe problem.tensor = error.place.tensor.map { unsafe memory.text($0) }
    unsafe problem.offset = Int64(error.place.offset ?? -1)
    unsafe problem.length = UInt64(error.place.length ?? 0)
    unsafe handler(&problem, context)
}

@unsafe private func tell(_ warn: qamw_warning_handler?, _ warning: String, _ context: UnsafeMutableRawPointer?) {
    guard let warn = unsafe warn else { return }
    var memory = LentMemory()
    unsafe warn(memory.text(warning), context)
}
