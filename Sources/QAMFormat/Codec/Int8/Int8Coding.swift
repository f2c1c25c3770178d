/// Codec 3, rows of 8-bit integers (spec section 16): the coding of one tensor.
struct Int8Coding: TensorCodec {
    static let id = CodecID.int8Rows
    static let families: [Code.Family] = [.int8]

    private let layout: RowLayout

    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws {
        let parameters = try Int8Parameters(bytes: coding.parameters)
        guard coding.codebook == nil, coding.seed == nil else {
            throw QAMError(.malformed, "integer rows have neither codebook nor seed, and the coding refers to one")
        }
        layout = RowLayout(Code.Family.int8.usual, columns: columns, gainType: parameters.gainType, isScaled: coding.streams.count > 2)
    }

    var streams: [StreamLayout] { layout.streams }

    var description: CodingDescription {
        CodingDescription(
            codec: "int8-rows", code: layout.code, hasCodebook: false, blockSize: nil, seed: nil, gainType: layout.gainType,
            channelScales: layout.isScaled)
    }

    func decoder(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any TensorDecoder {
        Int8Decoder(layout, channelScales: try layout.channelScales(wholeStreams), IntegerKernels(kernels))
    }

    func product(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any MatrixProduct {
        Int8Product(layout, channelScales: try layout.channelScales(wholeStreams), IntegerKernels(kernels))
    }
}
