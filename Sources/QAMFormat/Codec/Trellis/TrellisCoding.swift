/// Codec 4, tiles coded by a computed trellis (spec section 17): the coding of one tensor.
struct TrellisCoding: TensorCodec {
    static let id = CodecID.trellis
    static let families: [Code.Family] = [.trellis]

    private let layout: RowLayout
    private let parameters: TrellisParameters
    private let seed: UInt64

    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws {
        parameters = try TrellisParameters(bytes: coding.parameters)
        guard coding.codebook == nil else { throw QAMError(.malformed, "a trellis has no codebook, and the coding refers to one") }
        seed = try tables.seed(of: coding)
        try Rotation.check(blockSize: parameters.blockSize, columns: columns)
        layout = RowLayout(parameters.code, columns: columns, gainType: parameters.gainType, isScaled: coding.streams.count > 2)
    }

    var streams: [StreamLayout] { layout.streams }

    var description: CodingDescription {
        CodingDescription(
            codec: "trellis", code: layout.code, hasCodebook: false, blockSize: parameters.blockSize, seed: seed, gainType: layout.gainType,
            channelScales: layout.isScaled)
    }

    private var rotation: Rotation { Rotation(columns: layout.columns, blockSize: parameters.blockSize, seed: seed) }

    func decoder(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any TensorDecoder {
        TrellisDecoder(layout, parameters, rotation, channelScales: try layout.channelScales(wholeStreams), kernels)
    }

    func product(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any MatrixProduct {
        TrellisProduct(layout, parameters, rotation, channelScales: try layout.channelScales(wholeStreams), kernels)
    }
}
