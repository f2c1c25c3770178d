/// Codec 2, pairs of rotated coordinates as amplitudes and phases (spec section 15): the coding of one tensor.
///
/// Its symbols have the layout of the pair codec's family `free`, so it shares that family's decoder and product, with the codebook as a table of points.
struct PolarCoding: TensorCodec {
    static let id = CodecID.polarPairs
    static let families: [Code.Family] = [.polar]

    private let parameters: PolarParameters
    private let codebook: PolarCodebook
    private let seed: UInt64
    private let layout: RowLayout

    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws {
        parameters = try PolarParameters(bytes: coding.parameters)
        codebook = try tables.codebook(of: coding, as: PolarCodebook.self)
        guard codebook.code == parameters.code else { throw QAMError(.malformed, "the codebook has another rate than the parameters") }
        seed = try tables.seed(of: coding)
        try Rotation.check(blockSize: parameters.blockSize, columns: columns)
        layout = RowLayout(parameters.code, columns: columns, gainType: parameters.gainType, isScaled: coding.streams.count > 2)
    }

    var streams: [StreamLayout] { layout.streams }

    var description: CodingDescription {
        CodingDescription(
            codec: "polar-pairs", code: layout.code, hasCodebook: true, blockSize: parameters.blockSize, seed: seed, gainType: layout.gainType,
            channelScales: layout.isScaled)
    }

    func decoder(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any TensorDecoder {
        PairDecoder(layout, try tables(wholeStreams, kernels))
    }

    func product(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any MatrixProduct {
        PairProduct(layout, try tables(wholeStreams, kernels))
    }

    private func tables(_ wholeStreams: [[UInt8]], _ kernels: Kernels) throws -> PairTables {
        PairTables(
            codebook: codebook.table, rotation: Rotation(columns: layout.columns, blockSize: parameters.blockSize, seed: seed),
            channelScales: try layout.channelScales(wholeStreams), kernels: kernels)
    }
}
