/// The intermediate values of a layer that the backward pass needs.
struct LayerTrace {
    /// One vector per token, heads concatenated.
    struct Attention {
        /// Before normalisation; nil without query norms, when they follow from `queries`.
        let plainQueries: FloatMatrix?
        let plainKeys: FloatMatrix?
        /// After normalisation (if any) and rotary embedding.
        let queries: FloatMatrix
        let keys: FloatMatrix
        let values: FloatMatrix
    }

    let attention: Attention
    /// The vectors between attention and feed-forward network.
    let attended: FloatMatrix
    let gate: FloatMatrix
    let up: FloatMatrix
}
