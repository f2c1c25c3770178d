/// The intermediate values of a layer's attention that the backward pass needs.
struct LayerTrace {
    /// One vector per token, heads concatenated.
    struct Attention {
        /// After normalisation (if any) and rotary embedding.
        let queries: FloatMatrix
        let keys: FloatMatrix
        let values: FloatMatrix
        /// Before normalisation; nil without query norms, when they follow from `queries`.
        var plainQueries: FloatMatrix?
        var plainKeys: FloatMatrix?
        /// The products of the last matrix, before the norm; nil without a norm of them.
        var output: FloatMatrix?
        var latent: Latent?
    }

    /// The short vectors of latent attention, before their norms.
    struct Latent {
        /// Nil if queries come from the layer's input.
        var queryInput: FloatMatrix?
        /// That of keys and values, and after it the part of the keys that is rotated.
        let reduced: FloatMatrix
    }

    let attention: Attention
    /// The vectors between attention and feed-forward network.
    let attended: FloatMatrix
}
