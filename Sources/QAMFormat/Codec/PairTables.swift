/// All that decoding and multiplying need of a coded tensor beside its payload.
struct PairTables: Sendable {
    let codebook: Codebook
    let rotation: Rotation
    let channelScales: [Float]?
    /// Bytes of one row's symbols.
    let symbolBytes: Int

    init(codebook: Codebook, rotation: Rotation, channelScales: [Float]?) {
        self.codebook = codebook
        self.rotation = rotation
        self.channelScales = channelScales
        symbolBytes = QAMParameters(
            family: codebook.family, rate: codebook.rate, blockSize: rotation.blockSize, gainType: .float16
        ).symbolBytes(columns: rotation.columns)
    }
}
