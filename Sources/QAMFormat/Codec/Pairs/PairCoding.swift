/// Codec 1, pairs of rotated coordinates coded with a codebook of the plane (spec section 8): the coding of one tensor.
struct PairCoding: RotatedPairCodec {
    static let id = CodecID.qamPairs
    static let name = "qam-pairs"
    static let families: [Code.Family] = [.octant, .free]

    let pairs: RotatedPairs

    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws {
        let parameters = try PairParameters(bytes: coding.parameters)
        let codebook = try tables.codebook(of: coding, as: Codebook.self)
        guard codebook.code == parameters.code else {
            throw QAMError(.malformed, "the codebook is not of the kind that the parameters name")
        }
        pairs = try RotatedPairs(
            coding, columns: columns, tables: tables, code: parameters.code, codebook: codebook, blockSize: parameters.blockSize,
            gainType: parameters.gainType)
    }
}
