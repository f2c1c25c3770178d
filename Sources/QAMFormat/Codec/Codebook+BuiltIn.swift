import CQAMCodebooks

extension Codebook {
    /// The library's own codebook of a family for so many bits a weight: free 2.0 to 6.5, octant 2.0 to 6.5, in halves.
    ///
    /// - Throws: `QAMError.invalidArgument` for bits that the family does not have.
    public static func builtIn(_ family: Family, bits: Double) throws -> Codebook {
        let rate = 2 * bits - (family == .free ? 0 : 3)
        guard let rate = Int(exactly: rate), family.rates.contains(rate) else {
            throw QAMError(.invalidArgument, "there is no \(family.name) codebook of \(bits) bits a weight: 2.0 to 6.5 in halves")
        }
        var length = 0
        let start = unsafe qam_codebook_record(UInt32(family.rawValue), UInt32(rate), &length)
        return try Codebook(record: unsafe Array(UnsafeBufferPointer(start: start, count: length)))
    }
}
