internal import QAMFormat

/// The calibration of a model with a text, one part of the model per call of `next`.
///
///     var run = try CalibrationRun(calibrator, tokens: tokens)
///     while let part = try run.next() { ... }
package struct CalibrationRun {
    private enum Stage {
        /// The layers one by one, each with its statistics; then the head.
        case forward(Int)
        case headInputs
        /// All layers, then the predictions.
        case predictions
        /// The layers one by one from the last, each with its statistics; then the embedding.
        case backward(Int)
        case embedding
        case ended
    }

    private let calibrator: Calibrator
    private let labels: [UInt32]?
    private let steps: Int
    private let cache: KeyValueCache
    private var pass: LayerPass
    /// The vectors of each window after the layers passed so far; in the backward pass the gradients at them.
    private let windows: [FloatMatrix]
    private var before: SavedVectors
    /// In the backward pass, the inputs of the head if it is the embedding too.
    private var tied: GatheredInputs?
    private var tokenWeights: TokenWeights?
    private var stage: Stage
    private var done = 0

    /// Prepares consecutive windows of the calibrator's `context` tokens, each starting with an empty KV cache. Looks up their embeddings.
    ///
    /// - Parameter windows: the number of windows to read; nil for all.
    /// - Throws: `QAMError.invalidArgument` for a text shorter than a window or with tokens outside the vocabulary, `limitExceeded`
    ///   for more windows than fit in this machine's memory, and errors from reading weights.
    package init(_ calibrator: Calibrator, tokens: [UInt32], windows: Int? = nil) throws {
        try self.init(calibrator, tokens: tokens, windows: windows, labels: nil)
    }

    /// The same with given labels for all tokens instead of labels sampled from the predictions.
    package init(_ calibrator: Calibrator, tokens: [UInt32], windows: Int?, labels: [UInt32]?) throws {
        let model = calibrator.model, context = calibrator.context, configuration = model.configuration
        let count = min(tokens.count / context, windows ?? .max)
        guard count > 0 else { throw QAMError(.invalidArgument, "\(tokens.count) tokens are fewer than a window of \(context)") }
        try model.requireKnown(tokens[..<(count * context)])
        if let labels {
            guard labels.count >= count * context else { throw QAMError(.invalidArgument, "\(labels.count) labels are too few for \(count * context) tokens") }
            try model.requireKnown(labels)
        }
        try calibrator.requireMemory(windows: count)
        self.calibrator = calibrator
        self.labels = labels
        self.windows = try (0..<count).map { try model.embed(tokens[$0 * context..<($0 + 1) * context]) }
        before = SavedVectors(layers: model.layers.count, bytes: calibrator.vectorBytes(windows: count))
        // The backward pass includes the head.
        let layers = model.layers.count, backward = calibrator.gathersGradients ? layers + 1 + before.repeatedPasses(layers: layers) : 0
        steps = (layers + backward) * count
        cache = KeyValueCache(configuration, capacity: context)
        pass = LayerPass(
            configuration: configuration, rotaries: model.rotaries(positions: context), pool: calibrator.pool, checkpoint: calibrator.checkpoint,
            observer: nil)
        stage = calibrator.gathersGradients ? .predictions : model.layers.isEmpty ? .headInputs : .forward(0)
    }

    /// Runs the next part of the model and returns its statistics; nil after the last.
    ///
    /// - Parameter progress: called after each window of each layer; an error that it throws ends the run.
    /// - Throws: errors from reading weights. An error ends the run: `next` then returns nil.
    package mutating func next(progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }) throws -> Calibrator.Part? {
        let stage = stage
        self.stage = .ended
        switch stage {
        case .forward(let index): return try forward(index, progress)
        case .headInputs: return headInputs()
        case .predictions: return try predict(progress) ?? next(progress: progress)
        case .backward(let index): return try backward(index, progress)
        case .embedding: return embedding()
        case .ended: return nil
        }
    }

    private mutating func step(_ progress: (Int, Int) throws -> Void) throws {
        done += 1
        try progress(done, steps)
    }

    private mutating func forward(_ index: Int, _ progress: (Int, Int) throws -> Void) throws -> Calibrator.Part {
        let layers = calibrator.model.layers, gathered = GatheredInputs(layers[index].inputs, calibrator)
        pass.observer = { names, vectors in gathered.add(names, vectors) }
        defer { pass.observer = nil }
        for x in windows {
            try pass.apply(layers[index], to: x, cache, position: 0)
            try step(progress)
        }
        stage = index + 1 < layers.count ? .forward(index + 1) : .headInputs
        let unused = ExpertStatistics(layers[index])?.complete(gathered, []) ?? 0
        return Calibrator.Part(inputs: gathered.inputs, unusedExperts: unused)
    }

    /// Without gradients, a head that is the embedding has no statistics: they would lack what errors of the embedding cost.
    private func headInputs() -> Calibrator.Part? {
        let model = calibrator.model
        guard !model.isTied else { return nil }
        let gathered = GatheredInputs([[model.head]], calibrator)
        for x in windows {
            let normal = FloatMatrix(count: x.count, width: x.width)
            pass.normalize(x, model.norm, into: normal)
            gathered.add([model.head.name], normal)
        }
        return Calibrator.Part(inputs: gathered.inputs)
    }

    /// Runs all layers, and replaces the last one's outputs by the gradients at them. The head's weights are released afterwards. Returns the head's
    /// statistics; nil if it is the embedding.
    private mutating func predict(_ progress: (Int, Int) throws -> Void) throws -> Calibrator.Part? {
        let model = calibrator.model, layers = model.layers
        for index in layers.indices {
            before.save(windows, before: index)
            for x in windows {
                try pass.apply(layers[index], to: x, cache, position: 0)
                try step(progress)
            }
        }
        let head = try HeadGradient(model, pass: pass), gathered = GatheredInputs([[model.head]], calibrator)
        let weights = TokenWeights(matrix: model.head.name, tokens: model.head.rows)
        for (window, x) in windows.enumerated() {
            try head.apply(to: x, observer: { gathered.add([model.head.name], $0) }, weights: weights) { position, probabilities in
                if let labels { return Int(labels[window * calibrator.context + position]) }
                return PredictedLabel.draw(probabilities, window: window, position: position)
            }
            try step(progress)
        }
        stage = layers.isEmpty ? .embedding : .backward(layers.count - 1)
        tokenWeights = weights
        guard model.isTied else { return Calibrator.Part(inputs: gathered.inputs, tokenWeights: [weights]) }
        tied = gathered
        return nil
    }

    /// The vectors of all windows before a layer.
    private mutating func inputs(ofLayer index: Int, _ progress: (Int, Int) throws -> Void) throws -> [FloatMatrix] {
        let layers = calibrator.model.layers, pass = pass, cache = cache, steps = steps
        var saved = before, done = done
        let windows = try saved.take(before: index) { layer, window in
            try pass.apply(layers[layer], to: window, cache, position: 0)
            done += 1
            try progress(done, steps)
        }
        (before, self.done) = (saved, done)
        return windows
    }

    private mutating func backward(_ index: Int, _ progress: (Int, Int) throws -> Void) throws -> Calibrator.Part {
        let layers = calibrator.model.layers, pool = calibrator.pool, inputs = try inputs(ofLayer: index, progress)
        let gathered = GatheredInputs(layers[index].inputs, calibrator)
        var observed = pass
        observed.observer = { names, vectors in gathered.add(names, vectors) }
        let layer = try LayerGradient(layers[index], pass: observed, transposed: pass.rotaries.mapValues(\.transposed))
        // The mean over all tokens, also those that do not use a matrix.
        let tokens = windows.reduce(0) { $0 + $1.count }
        let outputs = layers[index].inputs.joined().map { Calibrator.Output(matrix: $0.name, hessian: HessianSum(width: $0.rows, tokens: tokens)) }
        for (x, gradient) in zip(inputs, windows) {
            try layer.apply(to: gradient, at: x, cache) { matrix, vectors in
                outputs.first { $0.matrix == matrix }?.hessian.add(vectors, pool: pool)
            }
            try step(progress)
        }
        stage = index > 0 ? .backward(index - 1) : .embedding
        let unused = ExpertStatistics(layers[index])?.complete(gathered, outputs) ?? 0
        return Calibrator.Part(inputs: gathered.inputs, outputs: outputs, unusedExperts: unused)
    }

    /// The cost of errors e in a row of the embedding is e G eT for the gradients g at the embeddings, G = E[g gT]. If the embedding is the head too, H of the
    /// head's inputs comes on top.
    private mutating func embedding() -> Calibrator.Part {
        let table = calibrator.model.embedding, isTied = tied != nil
        let gathered = tied ?? GatheredInputs([[table]], calibrator)
        tied = nil
        let scale = Float(calibrator.model.configuration.embeddingScale)
        for gradient in windows {
            if scale != 1 { for t in 0..<gradient.count { FloatKernels.scale(gradient, t, 0..<gradient.width, by: scale) } }
            gathered.add([table.name], gradient, isSecond: isTied)
        }
        return Calibrator.Part(inputs: gathered.inputs, tokenWeights: tokenWeights.map { [$0.named(table.name)] } ?? [])
    }
}
