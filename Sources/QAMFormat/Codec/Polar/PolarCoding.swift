/// Codec 2, pairs of rotated coordinates as amplitudes and phases (spec section 15): the coding of one tensor.
///
/// Its symbols have the layout of the pair codec's family `free`, so it shares that family's decoder and product, with the codebook as a table of points.
struct PolarCoding: RotatedPairCodec {
    static let id = CodecID.polarPairs
    static let name = "polar-pairs"
    static let families: [Code.Family] = [.polar]

    let pairs: RotatedPairs

    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws {
        let parameters = try PolarParameters(bytes: coding.parameters)
        let codebook = try tables.codebook(of: coding, as: PolarCodebook.self)
        guard codebook.code == parameters.code else { throw QAMError(.malformed, "the codebook has another rate than the parameters") }
        pairs = try RotatedPairs(
            coding, columns: columns, tables: tables, code: parameters.code, codebook: codebook.table, blockSize: parameters.blockSize,
            gainType: parameters.gainType)
    }
}
