public import QAMFormat

/// Runs a text through a model, layer by layer, and gathers statistics of each matrix's inputs; optionally runs the backward pass and
/// gathers the gradients at each matrix's outputs.
///
/// Between layers the vectors of all windows are in memory (windows * context * width * 4 bytes; with gradients as much again per layer),
/// but the statistics of one layer only.
public struct Calibrator {
    /// The statistics of an input that one or more matrices share.
    public struct Input {
        /// Names of the matrices' tensors.
        public let matrices: [String]
        package fileprivate(set) var statistics: InputStatistics
        /// If requested.
        package let secondMoment: SecondMoment?
    }

    let model: Transformer
    let context: Int
    let pool: WorkerPool
    private let gathersMoments: Bool
    private let gathersGradients: Bool
    private let checkpoint: () throws -> Void

    /// - Parameters:
    ///   - gatheringMoments: whether to gather E[x xT]: width^2 * 4 bytes for each input of a layer.
    ///   - gatheringGradients: whether to gather E[g gT] (`Output`): rows^2 * 4 bytes for each matrix of a layer, and the float32 weights
    ///     of a layer or the head.
    ///   - checkpoint: called before each layer of each window; an error that it throws ends the run.
    /// - Throws: `invalidArgument` for an empty window, `limitExceeded` for statistics that do not fit in this machine's memory.
    public init(
        _ model: Transformer, context: Int, gatheringMoments: Bool, gatheringGradients: Bool = false, pool: WorkerPool,
        checkpoint: @escaping () throws -> Void = {}
    ) throws {
        guard context >= 1 else { throw QAMError(.invalidArgument, "windows of \(context) tokens are empty") }
        if gatheringMoments {
            for width in model.layers.flatMap({ $0.inputs.map { $0[0].columns } }) {
                try MemoryBound.require(width, of: MemoryLayout<Float>.stride * width, "second moments of \(width) channels")
            }
        }
        if gatheringGradients { try Self.requireGradientMemory(model) }
        self.model = model
        self.context = context
        self.pool = pool
        gathersMoments = gatheringMoments
        gathersGradients = gatheringGradients
        self.checkpoint = checkpoint
    }

    /// The names of the matrices of each input, in the order of `run`, and the input's width.
    public var inputs: [(matrices: [String], width: Int)] {
        model.layers.flatMap { layer in
            layer.inputs.map { matrices in (matrices.map(\.name), matrices[0].columns) }
        }
    }

    /// Reads consecutive windows of `context` tokens, each starting with an empty KV cache.
    ///
    /// - Parameters:
    ///   - windows: the number of windows to read; nil for all.
    ///   - progress: called after each window of each layer; an error that it throws ends the run.
    ///   - layer: receives the complete inputs of each layer, from the first to the last.
    ///   - outputs: then receives the outputs of each layer, from the last to the first, if gradients are gathered.
    /// - Throws: `QAMError.invalidArgument` for a text shorter than a window or with tokens outside the vocabulary, `limitExceeded`
    ///   for more windows than fit in this machine's memory, and errors from reading weights.
    public func run(
        _ tokens: [UInt32], windows: Int?, progress: (_ done: Int, _ total: Int) throws -> Void, layer body: ([Input]) throws -> Void,
        outputs: ([Output]) throws -> Void = { _ in }
    ) throws {
        try run(tokens, windows: windows, labels: nil, progress: progress, layer: body, outputs: outputs)
    }

    /// The same with given labels for all tokens instead of labels sampled from the predictions.
    package func run(
        _ tokens: [UInt32], windows: Int?, labels: [UInt32]?, progress: (_ done: Int, _ total: Int) throws -> Void,
        layer body: ([Input]) throws -> Void, outputs: ([Output]) throws -> Void
    ) throws {
        let count = min(tokens.count / context, windows ?? .max)
        guard count > 0 else { throw QAMError(.invalidArgument, "\(tokens.count) tokens are fewer than a window of \(context)") }
        let configuration = model.configuration
        try model.requireKnown(tokens[..<(count * context)])
        if let labels {
            guard labels.count >= count * context else { throw QAMError(.invalidArgument, "\(labels.count) labels are too few for \(count * context) tokens") }
            try model.requireKnown(labels)
        }
        let kept = gathersGradients ? model.layers.count + 1 : 1
        try MemoryBound.require(
            count * context, of: MemoryLayout<Float>.stride * configuration.width * kept,
            "the activations of \(count) windows\(gathersGradients ? " before each layer" : "")")
        let passing = gathersGradients ? LayerGradient.bytesOfToken(configuration) : LayerPass.bytesOfToken(configuration)
        try MemoryBound.require(context, of: passing + KeyValueCache.bytesOfToken(configuration), "windows of \(context) tokens")
        let total = model.layers.count * count + (gathersGradients ? gradientSteps(windows: count) : 0)
        let texts = try (0..<count).map { try model.embed(tokens[$0 * context..<($0 + 1) * context]) }
        let cache = KeyValueCache(configuration, capacity: context)
        var pass = LayerPass(
            configuration: configuration, rotary: model.rotary(positions: context), pool: pool, checkpoint: checkpoint, observer: nil)
        var before: [[FloatMatrix]] = []
        for (index, layer) in model.layers.enumerated() {
            let gathered = Gathered(layer, moments: gathersMoments)
            if gathersGradients { before.append(texts.map { FloatMatrix(copying: $0, 0..<context) }) }
            pass.observer = { names, vectors in gathered.add(names, vectors, pool: pool) }
            for (window, x) in texts.enumerated() {
                try pass.apply(layer, to: x, cache, position: 0)
                try progress(index * count + window + 1, total)
            }
            try body(gathered.inputs)
        }
        guard gathersGradients else { return }
        pass.observer = nil
        var done = total - gradientSteps(windows: count)
        try gatherGradients(&before, texts, labels: labels, pass, cache, outputs) {
            done += 1
            try progress(done, total)
        }
    }

    /// The inputs of one layer.
    private final class Gathered {
        private(set) var inputs: [Input]

        init(_ layer: TransformerLayer, moments: Bool) {
            inputs = layer.inputs.map { matrices in
                let width = matrices[0].columns
                return Input(
                    matrices: matrices.map(\.name), statistics: InputStatistics(width: width),
                    secondMoment: moments ? SecondMoment(width: width) : nil)
            }
        }

        func add(_ names: [String], _ vectors: FloatMatrix, pool: WorkerPool) {
            guard let index = inputs.firstIndex(where: { $0.matrices == names }) else { return }
            inputs[index].statistics.add(vectors)
            inputs[index].secondMoment?.add(vectors, pool: pool)
        }
    }
}

extension TransformerLayer {
    /// The matrices that read the same vectors, in execution order.
    var inputs: [[any Linear]] {
        [[query.matrix, key.matrix, value.matrix], [output.matrix], [gate.matrix, up.matrix], [down.matrix]]
    }
}
