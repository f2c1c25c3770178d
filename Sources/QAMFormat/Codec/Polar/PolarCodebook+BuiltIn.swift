internal import CQAMCodebooks

extension PolarCodebook {
    /// The built-in codebook of a code of family `polar`.
    ///
    /// - Throws: `QAMError.invalidArgument` for a code of another family.
    package static func builtIn(_ code: Code) throws -> PolarCodebook {
        guard code.family == .polar else {
            throw QAMError(.invalidArgument, "codes of family \(code.family.name) have no codebook of amplitudes and phases")
        }
        var length = 0
        let start = unsafe qam_polar_codebook_record(UInt32(code.rate), &length)
        return try PolarCodebook(record: unsafe Array(UnsafeBufferPointer(start: start, count: length)))
    }
}
