/// What lies between the matrices of a layer while a text passes it: what the way back needs to know.
struct LayerTrace {
    /// A vector for each token, all heads side by side.
    struct Attention {
        /// As the matrix makes them; nil where they are not normalised, so that `queries` tell them.
        let plainQueries: FloatMatrix?
        let plainKeys: FloatMatrix?
        /// Normalised, where the model does that, and turned.
        let queries: FloatMatrix
        let keys: FloatMatrix
        let values: FloatMatrix
    }

    let attention: Attention
    /// The vectors between attention and the feed-forward part.
    let attended: FloatMatrix
    let gate: FloatMatrix
    let up: FloatMatrix
}
