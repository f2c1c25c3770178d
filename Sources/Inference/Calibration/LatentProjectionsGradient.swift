internal import QAMFormat

/// The backward pass of latent attention's matrices, except the last.
struct LatentProjectionsGradient {
    private let latent: LatentProjections
    private let pass: LayerPass
    private let query: JoinedGradient
    private let queryReduction: JoinedGradient?
    private let reduction: JoinedGradient
    private let keysAndValues: JoinedGradient

    init(_ latent: LatentProjections, _ pass: LayerPass) throws {
        self.latent = latent
        self.pass = pass
        query = try JoinedGradient(latent.query, pool: pass.pool)
        queryReduction = try latent.queryReduction.map { try JoinedGradient($0.projection, pool: pass.pool) }
        reduction = try JoinedGradient(latent.reduction.projection, pool: pass.pool)
        keysAndValues = try JoinedGradient(latent.keysAndValues, pool: pass.pool)
    }

    /// As `AttentionProjectionsGradient.apply`.
    func apply(_ found: AttentionGradient.Result, _ trace: LayerTrace.Latent?, _ observer: LayerGradient.Observer) -> FloatMatrix {
        var gradient = query.apply([found.queries], pool: pass.pool, observer)
        if let queryReduction, let reduction = latent.queryReduction, let input = trace?.queryInput {
            passNorm(gradient, at: input, reduction.norm)
            gradient = queryReduction.apply([gradient], pool: pass.pool, observer)
        }
        let reduced = reducedGradient(found, trace, observer), part = reduction.apply([reduced], pool: pass.pool, observer)
        pass.pool.forEach(0..<part.count, grain: 16) { for t in $0 { FloatKernels.add(part, t, to: gradient, t) } }
        return gradient
    }

    /// The gradient at the short vectors of keys and values and the rotated part of the keys, which all heads share.
    private func reducedGradient(_ found: AttentionGradient.Result, _ trace: LayerTrace.Latent?, _ observer: LayerGradient.Observer) -> FloatMatrix {
        let c = pass.configuration, widths = latent.widths, plain = c.headWidth - widths.rotatedWidth, count = found.keys.count
        let both = FloatMatrix(count: count, width: c.headCount * (plain + c.valueWidth)), rotated = FloatMatrix(count: count, width: widths.rotatedWidth)
        for head in 0..<c.headCount {
            let start = head * c.headWidth, target = head * (plain + c.valueWidth)
            both.copyColumns(found.keys, start..<start + plain, to: target)
            both.copyColumns(found.values, head * c.valueWidth..<(head + 1) * c.valueWidth, to: target + plain)
            let part = FloatMatrix(found.keys, columns: start + plain..<start + c.headWidth)
            for t in 0..<count { FloatKernels.add(part, t, to: rotated, t) }
        }
        let short = keysAndValues.apply([both], pool: pass.pool, observer)
        if let reduced = trace?.reduced { passNorm(short, at: reduced, latent.reduction.norm) }
        let all = FloatMatrix(count: count, width: widths.latentWidth + widths.rotatedWidth)
        all.copyColumns(short, 0..<short.width, to: 0)
        all.copyColumns(rotated, 0..<rotated.width, to: short.width)
        return all
    }

    private func passNorm(_ gradient: FloatMatrix, at x: FloatMatrix, _ norm: [Float]) {
        pass.pool.forEach(0..<gradient.count, grain: 16) { tokens in
            for t in tokens { NormGradient.apply(to: gradient, at: x, t, norm, epsilon: pass.configuration.normEpsilon) }
        }
    }
}
