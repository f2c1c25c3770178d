import CQAMCodebooks

extension Codebook {
    /// The built-in codebook of a code of family `free` or `octant`.
    ///
    /// - Throws: `QAMError.invalidArgument` for a code of another family.
    public static func builtIn(_ code: Code) throws -> Codebook {
        guard let family = Family.allCases.first(where: { $0.code == code.family }) else {
            throw QAMError(.invalidArgument, "codes of family \(code.family.name) have no codebook of pairs")
        }
        var length = 0
        let start = unsafe qam_codebook_record(UInt32(family.rawValue), UInt32(code.rate), &length)
        return try Codebook(record: unsafe Array(UnsafeBufferPointer(start: start, count: length)))
    }
}
