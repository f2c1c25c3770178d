/// Codec 1, pairs of rotated coordinates coded with a codebook of the plane (spec section 8): the coding of one tensor.
struct PairCoding: TensorCodec {
    static let id = CodecID.qamPairs
    static let families: [Code.Family] = [.octant, .free]

    private let parameters: PairParameters
    private let codebook: Codebook
    private let seed: UInt64
    private let layout: RowLayout

    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws {
        parameters = try PairParameters(bytes: coding.parameters)
        codebook = try tables.codebook(of: coding, as: Codebook.self)
        guard codebook.code == parameters.code else {
            throw QAMError(.malformed, "the codebook is not of the kind that the parameters name")
        }
        seed = try tables.seed(of: coding)
        try Rotation.check(blockSize: parameters.blockSize, columns: columns)
        layout = RowLayout(parameters.code, columns: columns, gainType: parameters.gainType, isScaled: coding.streams.count > 2)
    }

    var streams: [StreamLayout] { layout.streams }

    var description: CodingDescription {
        CodingDescription(
            codec: "qam-pairs", code: layout.code, hasCodebook: true, blockSize: parameters.blockSize, seed: seed, gainType: layout.gainType,
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
            codebook: codebook, rotation: Rotation(columns: layout.columns, blockSize: parameters.blockSize, seed: seed),
            channelScales: try layout.channelScales(wholeStreams), kernels: kernels)
    }
}
