internal import QAMFormat

/// The matrices of latent attention: from a layer's input to short vectors, and from these to queries, keys and values.
struct LatentProjections: Sendable {
    /// The first matrix of two, with the norm between them.
    struct Reduction: Sendable {
        let projection: Projection
        let norm: [Float]
    }

    let widths: LatentAttention
    /// Nil if queries come from the layer's input.
    let queryReduction: Reduction?
    let query: Projection
    /// Its products are the short vector, and after it the part of all heads' keys that is rotated.
    let reduction: Reduction
    /// For each head the rest of the keys, and the values.
    let keysAndValues: Projection

    init(_ widths: LatentAttention, _ tensors: LayerTensors) throws {
        let c = tensors.configuration, queries = c.headCount * c.headWidth
        self.widths = widths
        if let queryWidth = widths.queryWidth {
            let norm = try tensors.norm("attn_q_a_norm", count: queryWidth) ?? []
            queryReduction = Reduction(projection: try tensors.projection("attn_q_a", rows: queryWidth, columns: c.width), norm: norm)
            query = try tensors.projection("attn_q_b", rows: queries, columns: queryWidth)
        } else {
            queryReduction = nil
            query = try tensors.projection("attn_q", rows: queries, columns: c.width)
        }
        reduction = Reduction(
            projection: try tensors.projection("attn_kv_a_mqa", rows: widths.latentWidth + widths.rotatedWidth, columns: c.width),
            norm: try tensors.norm("attn_kv_a_norm", count: widths.latentWidth) ?? [])
        // In Hugging Face one matrix, which GGUF has apart.
        let rows = c.headCount * (c.headWidth - widths.rotatedWidth + widths.valueWidth)
        keysAndValues = try tensors.projection("attn_k_b", rows: rows, columns: widths.latentWidth)
    }

    var inputs: [[any Linear]] {
        let first = [queryReduction?.projection ?? query, reduction.projection].map(\.matrix)
        return [first] + (queryReduction == nil ? [] : [[query.matrix]]) + [[keysAndValues.matrix]]
    }
}
