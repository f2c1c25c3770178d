public import QAMFormat

/// Runs a text through a model, layer by layer, and gathers what each matrix is multiplied by; if asked for, then goes back through
/// the layers and gathers the gradients at what each matrix makes of it.
///
/// The vectors of all windows are kept between layers (windows * context * width * 4 bytes; with gradients as much for each layer
/// more), the statistics of one layer only.
public struct Calibrator {
    /// The statistics of an input that one or more matrices share.
    public struct Input {
        /// Names of the matrices' tensors.
        public let matrices: [String]
        package fileprivate(set) var statistics: InputStatistics
        /// Where it was asked for.
        package let secondMoment: SecondMoment?
    }

    let model: Transformer
    let context: Int
    let pool: WorkerPool
    private let gathersMoments: Bool
    private let gathersGradients: Bool
    private let checkpoint: () throws -> Void

    /// - Parameters:
    ///   - gatheringMoments: whether E[x xT] is gathered too: width^2 * 4 bytes for each input of a layer.
    ///   - gatheringGradients: whether E[g gT] is gathered too (`Output`): rows^2 * 4 bytes for each matrix of a layer, and the weights
    ///     of a layer or the head as floats of 32 bits.
    ///   - checkpoint: called before each layer of each window; what it throws ends the run.
    /// - Throws: `invalidArgument` for windows without a token, `limitExceeded` for moments that this machine's memory cannot hold.
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

    /// The names of the matrices of each input, in the order in which `run` gives them; and the width of each.
    public var inputs: [(matrices: [String], width: Int)] {
        model.layers.flatMap { layer in
            layer.inputs.map { matrices in (matrices.map(\.name), matrices[0].columns) }
        }
    }

    /// Reads consecutive windows of `context` tokens, each from its beginning.
    ///
    /// - Parameters:
    ///   - windows: the first so many; nil for all.
    ///   - progress: told after each window of each layer; what it throws ends the run.
    ///   - layer: gets the inputs of each layer when they are complete, from the first to the last.
    ///   - outputs: then gets the outputs of each layer, from the last to the first, if gradients are gathered.
    /// - Throws: `QAMError.invalidArgument` for a text shorter than a window or with tokens outside the vocabulary, `limitExceeded`
    ///   for more windows than this machine's memory can hold, and what reading weights throws.
    public func run(
        _ tokens: [UInt32], windows: Int?, progress: (_ done: Int, _ total: Int) throws -> Void, layer body: ([Input]) throws -> Void,
        outputs: ([Output]) throws -> Void = { _ in }
    ) throws {
        try run(tokens, windows: windows, labels: nil, progress: progress, layer: body, outputs: outputs)
    }

    /// The same with given labels for all tokens, in place of those that are drawn from the predictions.
    package func run(
        _ tokens: [UInt32], windows: Int?, labels: [UInt32]?, progress: (_ done: Int, _ total: Int) throws -> Void,
        layer body: ([Input]) throws -> Void, outputs: ([Output]) throws -> Void
    ) throws {
        let count = min(tokens.count / context, windows ?? .max)
        guard count > 0 else { throw QAMError(.invalidArgument, "\(tokens.count) tokens are no window of \(context)") }
        let configuration = model.configuration
        try model.requireKnown(tokens[..<(count * context)])
        if let labels {
            guard labels.count >= count * context else { throw QAMError(.invalidArgument, "\(labels.count) labels are too few for \(count * context) tokens") }
            try model.requireKnown(labels)
        }
        let kept = gathersGradients ? model.layers.count + 1 : 1
        try MemoryBound.require(
            count * context, of: MemoryLayout<Float>.stride * configuration.width * kept,
            "the vectors of \(count) windows\(gathersGradients ? " before each layer" : "")")
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
    /// The matrices that read the same vectors, in the order in which they do.
    var inputs: [[any Linear]] {
        [[query.matrix, key.matrix, value.matrix], [output.matrix], [gate.matrix, up.matrix], [down.matrix]]
    }
}
