import CQAMW
import QAMFormat

/// Runs `body` and converts its error to a status and a message.
@unsafe func reporting(_ error: UnsafeMutablePointer<qamw_error>?, _ body: () throws -> Void) -> Int32 {
    do {
        try Kernels.checkEnvironment()
        try body()
        return Int32(QAMW_OK)
    } catch let failure as QAMError {
        unsafe store(failure.status, failure.description, in: error)
        return failure.status
    } catch let other {
        unsafe store(Int32(QAMW_IO), "\(other)", in: error)
        return Int32(QAMW_IO)
    }
}

extension QAMError {
    static func missing(_ name: String) -> QAMError { QAMError(.invalidArgument, "\(name) is NULL") }

    var status: Int32 {
        let status =
            switch code {
            case .invalidArgument: QAMW_INVALID_ARGUMENT
            case .notFound: QAMW_NOT_FOUND
            case .malformed: QAMW_MALFORMED
            case .truncated: QAMW_TRUNCATED
            case .checksumMismatch: QAMW_CHECKSUM_MISMATCH
            case .unsupported: QAMW_UNSUPPORTED
            case .limitExceeded: QAMW_LIMIT_EXCEEDED
            case .cannotCreate: QAMW_CANNOT_CREATE
            case .interrupted: QAMW_INTERRUPTED
            default: QAMW_IO
            }
        return Int32(status)
    }
}

/// Stores the message, shortened in the middle if it is too long: it begins with the file and ends with the cause.
@unsafe private func store(_ status: Int32, _ message: String, in error: UnsafeMutablePointer<qamw_error>?) {
    guard let error = unsafe error else { return }
    unsafe error.pointee.status = status
    unsafe withUnsafeMutableBytes(of: &error.pointee.message) { room in
        let bytes = Array(message.shortened(toBytes: room.count - 1).utf8) + [0]
        unsafe room.copyBytes(from: bytes)
    }
}

extension String {
    /// The text in at most `limit` bytes of UTF-8, shortened in the middle.
    fileprivate func shortened(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let gap = " ... "
        let half = (limit - gap.utf8.count) / 2
        func fits() -> (Character) -> Bool {
            var bytes = 0
            return {
                bytes += $0.utf8.count; return bytes <= half
            }
        }
        return prefix(while: fits()) + gap + String(reversed().prefix(while: fits()).reversed())
    }
}
