/// The widths of latent attention (arXiv 2405.04434), whose keys and values are projected from a short vector of each token.
package struct LatentAttention: Hashable, Sendable {
    /// The length of the vector from which queries are projected; nil if they are projected from the layer's input.
    package var queryWidth: Int?
    /// The length of the vector from which keys and values are projected.
    package var latentWidth: Int
    /// The elements of a key's head that come from the layer's input, the last ones: they are rotated, and all heads share them.
    package var rotatedWidth: Int
    package var valueWidth: Int
}
