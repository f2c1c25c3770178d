/// A codec of pairs of rotated coordinates whose codewords are a table of points: what codecs 1 and 2 share.
protocol RotatedPairCodec: TensorCodec {
    static var name: String { get }
    var pairs: RotatedPairs { get }
}

/// The validated coding of a tensor of such a codec.
struct RotatedPairs: Sendable {
    fileprivate let layout: RowLayout
    fileprivate let codebook: Codebook
    fileprivate let blockSize: Int
    fileprivate let seed: UInt64

    /// - Parameters:
    ///   - code: the code that the parameters name.
    ///   - codebook: its points.
    /// - Throws: `QAMError.malformed` if the seed is missing or blocks do not divide rows.
    init(
        _ coding: Coding, columns: Int, tables: CodingTables, code: Code, codebook: Codebook, blockSize: Int, gainType: GainType
    ) throws {
        self.codebook = codebook
        self.blockSize = blockSize
        seed = try tables.seed(of: coding)
        try Rotation.check(blockSize: blockSize, columns: columns)
        layout = RowLayout(code, columns: columns, gainType: gainType, isScaled: coding.streams.count > 2)
    }

    fileprivate func tables(_ wholeStreams: [[UInt8]], _ kernels: Kernels) throws -> PairTables {
        PairTables(
            codebook: codebook, rotation: Rotation(columns: layout.columns, blockSize: blockSize, seed: seed),
            channelScales: try layout.channelScales(wholeStreams), kernels: kernels)
    }
}

extension RotatedPairCodec {
    var streams: [StreamLayout] { pairs.layout.streams }

    var description: CodingDescription {
        CodingDescription(
            codec: Self.name, code: pairs.layout.code, hasCodebook: true, blockSize: pairs.blockSize, seed: pairs.seed, gainType: pairs.layout.gainType,
            channelScales: pairs.layout.isScaled)
    }

    func decoder(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any TensorDecoder {
        PairDecoder(pairs.layout, try pairs.tables(wholeStreams, kernels))
    }

    func product(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any MatrixProduct {
        PairProduct(pairs.layout, try pairs.tables(wholeStreams, kernels))
    }
}
