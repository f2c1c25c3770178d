/// Everything except the payload that decoding and multiplying a tensor coded in pairs require.
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

    /// The bytes of a row's symbols.
    package var symbolBytes: Int { codebook.code.groupBytes(columns: rotation.columns) }
}
