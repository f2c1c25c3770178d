/// All that decoding and multiplying need of a tensor that is coded in pairs beside its payload.
package struct PairTables: Sendable {
    package let codebook: Codebook
    package let rotation: Rotation
    package let channelScales: [Float]?
    package let kernels: Kernels

    package init(codebook: Codebook, rotation: Rotation, channelScales: [Float]?, kernels: Kernels = .chosen) {
        self.kernels = kernels
        self.codebook = codebook
        self.rotation = rotation
        self.channelScales = channelScales
    }

    /// Bytes of one row's symbols.
    package var symbolBytes: Int { codebook.code.symbolBytes(columns: rotation.columns) }
}
