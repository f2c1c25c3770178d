internal import QAMFormat

/// The calibration of a model with a text, one layer per call of `next`.
///
///     var run = try CalibrationRun(calibrator, tokens: tokens)
///     while let layer = try run.next() { ... }
package struct CalibrationRun {
    private enum Stage {
        case forward(Int)
        case head
        case backward(Int)
        case ended
    }

    private let calibrator: Calibrator
    private let labels: [UInt32]?
    private let steps: Int
    private let cache: KeyValueCache
    private var pass: LayerPass
    /// The activations of each window after the last layer; in the backward pass the gradients at them.
    private let windows: [FloatMatrix]
    /// The inputs of each layer, for the backward pass; released as the layers are done.
    private var before: [[FloatMatrix]] = []
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
        let hasBackwardPass = calibrator.gathersGradients
        try MemoryBound.require(
            count * context, of: MemoryLayout<Float>.stride * configuration.width * (hasBackwardPass ? model.layers.count + 1 : 1),
            "the activations of \(count) windows\(hasBackwardPass ? " before each layer" : "")")
        let passing = hasBackwardPass ? LayerGradient.bytesOfToken(configuration) : LayerPass.bytesOfToken(configuration)
        try MemoryBound.require(context, of: passing + KeyValueCache.bytesOfToken(configuration), "windows of \(context) tokens")
        self.calibrator = calibrator
        self.labels = labels
        // The backward pass of all windows includes the head.
        steps = (model.layers.count + (hasBackwardPass ? model.layers.count + 1 : 0)) * count
        self.windows = try (0..<count).map { try model.embed(tokens[$0 * context..<($0 + 1) * context]) }
        cache = KeyValueCache(configuration, capacity: context)
        pass = LayerPass(
            configuration: configuration, rotary: model.rotary(positions: context), pool: calibrator.pool, checkpoint: calibrator.checkpoint,
            observer: nil)
        stage = model.layers.isEmpty ? (hasBackwardPass ? .head : .ended) : .forward(0)
    }

    /// Runs the next layer and returns its statistics; nil after the last.
    ///
    /// - Parameter progress: called after each window of each layer; an error that it throws ends the run.
    /// - Throws: errors from reading weights. An error ends the run: `next` then returns nil.
    package mutating func next(progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }) throws -> Calibrator.Layer? {
        let stage = stage
        self.stage = .ended
        switch stage {
        case .forward(let index): return .inputs(try forward(index, progress))
        case .head:
            try passHead(progress)
            return try next(progress: progress)
        case .backward(let index): return .outputs(try backward(index, progress))
        case .ended: return nil
        }
    }

    private mutating func step(_ progress: (Int, Int) throws -> Void) throws {
        done += 1
        try progress(done, steps)
    }

    private mutating func forward(_ index: Int, _ progress: (Int, Int) throws -> Void) throws -> [Calibrator.Input] {
        let layers = calibrator.model.layers, pool = calibrator.pool, hasBackwardPass = calibrator.gathersGradients
        let gathered = Gathered(layers[index], hessians: calibrator.gathersHessians)
        if hasBackwardPass { before.append(windows.map { FloatMatrix(copying: $0, 0..<calibrator.context) }) }
        pass.observer = { names, vectors in gathered.add(names, vectors, pool: pool) }
        defer { pass.observer = nil }
        for x in windows {
            try pass.apply(layers[index], to: x, cache, position: 0)
            try step(progress)
        }
        stage = index + 1 < layers.count ? .forward(index + 1) : hasBackwardPass ? .head : .ended
        return gathered.inputs
    }

    /// Replaces the last layer's outputs by the gradients at them. The head's weights are released afterwards.
    private mutating func passHead(_ progress: (Int, Int) throws -> Void) throws {
        let model = calibrator.model, head = try HeadGradient(model, pass: pass)
        for (window, x) in windows.enumerated() {
            try head.apply(to: x) { position, probabilities in
                if let labels { return Int(labels[window * calibrator.context + position]) }
                return PredictedLabel.draw(probabilities, window: window, position: position)
            }
            try step(progress)
        }
        stage = model.layers.isEmpty ? .ended : .backward(model.layers.count - 1)
    }

    private mutating func backward(_ index: Int, _ progress: (Int, Int) throws -> Void) throws -> [Calibrator.Output] {
        let layer = calibrator.model.layers[index], pool = calibrator.pool
        let layerGradient = try LayerGradient(layer, pass: pass, inverseRotary: pass.rotary.inverse)
        let outputs = layer.inputs.joined().map { Calibrator.Output(matrix: $0.name, hessian: HessianSum(width: $0.rows)) }
        for (x, gradient) in zip(before.removeLast(), windows) {
            try layerGradient.apply(to: gradient, at: x, cache) { matrix, vectors in
                outputs.first { $0.matrix == matrix }?.hessian.add(vectors, pool: pool)
            }
            try step(progress)
        }
        stage = index > 0 ? .backward(index - 1) : .ended
        return outputs
    }

    /// The inputs of one layer.
    private final class Gathered {
        private(set) var inputs: [Calibrator.Input]

        init(_ layer: TransformerLayer, hessians: Bool) {
            inputs = layer.inputs.map { matrices in
                let width = matrices[0].columns
                return Calibrator.Input(
                    matrices: matrices.map(\.name), statistics: InputStatistics(width: width),
                    hessian: hessians ? HessianSum(width: width) : nil)
            }
        }

        func add(_ names: [String], _ vectors: FloatMatrix, pool: WorkerPool) {
            guard let index = inputs.firstIndex(where: { $0.matrices == names }) else { return }
            inputs[index].statistics.add(vectors)
            inputs[index].hessian?.add(vectors, pool: pool)
        }
    }
}
