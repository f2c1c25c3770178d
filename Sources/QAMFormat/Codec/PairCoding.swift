/// The coding of a tensor by the pair codec, checked against its shape and the shared tables.
struct PairCoding {
    let parameters: QAMParameters
    let codebook: Codebook
    let seed: UInt64
    let scaled: Bool

    /// `parsed` is the codebook that the coding refers to, where the caller has it already.
    init(_ descriptor: TensorDescriptor, _ coding: Coding, _ shared: SharedTables, parsed: Codebook? = nil) throws {
        guard coding.codec == .qamPairs else { throw QAMError(.unsupported, "codec \(coding.codec.rawValue) is unknown") }
        parameters = try QAMParameters(bytes: coding.parameters)
        guard let index = coding.codebook, shared.codebooks.indices.contains(index) else {
            throw QAMError(.malformed, "the coding refers to no codebook of the file")
        }
        guard let seedIndex = coding.seed, shared.seeds.indices.contains(seedIndex) else {
            throw QAMError(.malformed, "the coding refers to no seed of the file")
        }
        let record = shared.codebooks[index]
        guard record.codec == coding.codec else {
            throw QAMError(.malformed, "codebook \(index) belongs to codec \(record.codec.rawValue)")
        }
        codebook = try parsed ?? Codebook(record: record.bytes)
        guard codebook.family == parameters.family, codebook.rate == parameters.rate else {
            throw QAMError(.malformed, "codebook \(index) is not of the kind that the parameters name")
        }
        seed = shared.seeds[seedIndex]

        let columns = descriptor.columns
        guard descriptor.shape.count >= 2, descriptor.shape.allSatisfy({ $0 > 0 }) else {
            throw QAMError(.malformed, "a coded tensor must have two dimensions or more, none of them zero")
        }
        guard columns <= CodecRegistry.maximumColumns else {
            throw QAMError(.limitExceeded, "rows of \(columns) weights are longer than \(CodecRegistry.maximumColumns)")
        }
        guard columns % parameters.blockSize == 0 else {
            throw QAMError(.malformed, "blocks of \(parameters.blockSize) do not fit rows of \(columns)")
        }
        scaled = coding.streams.count > 2
        guard coding.streams == parameters.streams(columns: columns, scaled: scaled) else {
            throw QAMError(.malformed, "the streams are not those that the parameters demand")
        }
    }

    func decoder(columns: Int, wholeStreams: [[UInt8]]) throws -> QAMDecoder {
        guard wholeStreams.count == (scaled ? 3 : 2), !scaled || wholeStreams[2].count == 2 * columns else {
            throw QAMError(.invalidArgument, "the whole streams are not those of the coding")
        }
        return QAMDecoder(
            codebook: codebook,
            rotation: Rotation(columns: columns, blockSize: parameters.blockSize, seed: seed),
            gainType: parameters.gainType,
            channelScales: scaled ? try ChannelScales.parse(wholeStreams[2]) : nil)
    }

    var description: CodingDescription {
        CodingDescription(
            codec: "qam-pairs", bits: codebook.bits, codebook: codebook.family.name, blockSize: parameters.blockSize,
            seed: seed, gainType: parameters.gainType.name, channelScales: scaled)
    }
}
