internal import QAMFormat

extension LayerPass {
    /// Queries, keys and values of latent attention, before the rotary embedding.
    func heads(_ x: FloatMatrix, _ latent: LatentProjections) throws -> LayerTrace.Attention {
        let c = configuration, widths = latent.widths, plain = c.headWidth - widths.rotatedWidth
        let first = try multiply([latent.queryReduction?.projection ?? latent.query, latent.reduction.projection], x)
        var trace = LayerTrace.Latent(queryInput: nil, reduced: first[1])
        var queries = first[0]
        if let reduction = latent.queryReduction {
            trace.queryInput = queries
            queries = try multiply([latent.query], normalized(queries, reduction.norm))[0]
        }
        let short = FloatMatrix(first[1], columns: 0..<widths.latentWidth)
        let both = try multiply([latent.keysAndValues], normalized(short, latent.reduction.norm))[0]
        let keys = FloatMatrix(count: x.count, width: c.headCount * c.headWidth), values = FloatMatrix(count: x.count, width: c.headCount * c.valueWidth)
        for head in 0..<c.headCount {
            let start = head * (plain + c.valueWidth), end = start + plain
            keys.copyColumns(both, start..<end, to: head * c.headWidth)
            keys.copyColumns(first[1], widths.latentWidth..<first[1].width, to: head * c.headWidth + plain)
            values.copyColumns(both, end..<end + c.valueWidth, to: head * c.valueWidth)
        }
        return LayerTrace.Attention(queries: queries, keys: keys, values: values, latent: trace)
    }
}
