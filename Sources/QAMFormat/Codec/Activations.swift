/// Vectors made ready to be multiplied by coded matrices: divided by the channel scales, rotated as the matrix's rows were, and
/// rounded to bytes with one float scale for each 256 of them.
///
/// Made by `QAMMatrix.prepare`. Matrices whose `activationKey` is equal (query, key and value of a layer, for instance)
/// take the same ones, so that each vector is rotated once. The rounding costs about 0.7% of a vector's norm: after the
/// rotation its coordinates are close to Gaussian, whatever outliers it had.
public struct Activations: Sendable {
    /// What decides how a vector is prepared.
    public struct Key: Hashable, Sendable {
        let family: Codebook.Family
        let rotation: Rotation
        let channelScales: [Float]?
    }

    public let key: Key
    /// The number of vectors.
    public let count: Int
    /// Of each vector, the bytes that the kernels want.
    let values: [Int8]
    /// Of each vector, one for each block of 256 columns.
    let scales: [Float]

    /// The length of a vector.
    public var columns: Int { key.rotation.columns }
}
