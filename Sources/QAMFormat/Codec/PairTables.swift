/// All that decoding and multiplying need of a coded tensor beside its payload.
package struct PairTables: Sendable {
    package let codebook: Codebook
    package let rotation: Rotation
    let channelScales: [Float]?
    /// Bytes of one row's symbols.
    package let symbolBytes: Int
    package let kernels: Kernels

    package init(codebook: Codebook, rotation: Rotation, channelScales: [Float]?, kernels: Kernels = .chosen) {
        self.kernels = kernels
        self.codebook = codebook
        self.rotation = rotation
        self.channelScales = channelScales
        symbolBytes = QAMParameters(
            family: codebook.family, rate: codebook.rate, blockSize: rotation.blockSize, gainType: .float16
        ).symbolBytes(columns: rotation.columns)
    }
}
