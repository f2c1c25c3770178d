package import QAMFormat
internal import Synchronization

/// Evaluates models on consecutive windows of a text without overlap, each starting with an empty KV cache; the remainder is not used. The
/// reference reads a window once for all models.
package struct Evaluator {
    /// The predictions that count in a window of n tokens.
    package enum Counting: Sendable {
        /// Those of tokens 1 to n - 1.
        case windows
        /// llama.cpp's: those of tokens n / 2 + 1 to n - 1.
        case llamacpp

        /// The first position in a window of `context` tokens whose prediction counts.
        func first(_ context: Int) -> Int { self == .windows ? 0 : context / 2 }
    }

    package let context: Int
    private let counting: Counting
    private let models: [Session]
    private let reference: Session?
    private let pool: WorkerPool
    /// Predictions per batch: bounds the memory of their logits.
    private static let block = 64

    /// - Parameter checkpoint: called before each layer; an error that it throws ends the run.
    /// - Throws: `QAMError.invalidArgument` for a context without counted predictions, or models of different vocabularies, and errors from
    ///   `Session`.
    package init(
        _ models: [Transformer], reference: Transformer?, context: Int, counting: Counting, pool: WorkerPool,
        checkpoint: @escaping () throws -> Void = {}
    ) throws {
        guard context >= 2, counting.first(context) < context - 1 else {
            throw QAMError(.invalidArgument, "windows of \(context) tokens have nothing to predict")
        }
        let measure = reference ?? models.first
        for model in models {
            guard let measure, measure.configuration.vocabularySize != model.configuration.vocabularySize else { continue }
            throw QAMError(
                .invalidArgument,
                "the \(reference == nil ? "first model" : "reference") has \(measure.configuration.vocabularySize) tokens, "
                    + "the model \(model.configuration.vocabularySize)")
        }
        self.context = context
        self.counting = counting
        self.models = try models.map { try Session($0, capacity: context, pool: pool, checkpoint: checkpoint) }
        self.reference = try reference.map { try Session($0, capacity: context, pool: pool, checkpoint: checkpoint) }
        self.pool = pool
    }

    /// - Parameters:
    ///   - windows: the number of windows to read; nil for all.
    ///   - progress: called after each window with the number done and the results so far; an error that it throws ends the run.
    /// - Returns: the evaluation of each model, bit-identical to a separate run.
    /// - Throws: `QAMError.invalidArgument` for a text shorter than a window or with tokens outside the vocabulary, and errors from reading
    ///   weights.
    package func run(
        _ tokens: [UInt32], windows: Int? = nil, progress: (_ done: Int, _ total: Int, _ soFar: [Evaluation]) throws -> Void
    ) throws -> [Evaluation] {
        let total = min(tokens.count / context, windows ?? .max)
        guard total > 0 else { throw QAMError(.invalidArgument, "\(tokens.count) tokens are fewer than a window of \(context)") }
        try models.first?.model.requireKnown(tokens[..<(total * context)])
        var evaluations = models.map { _ in Evaluation() }
        for window in 0..<total {
            try evaluate(tokens[window * context..<(window + 1) * context], into: &evaluations)
            try progress(window + 1, total, evaluations)
        }
        return evaluations
    }

    private func evaluate(_ window: ArraySlice<UInt32>, into evaluations: inout [Evaluation]) throws {
        let tokens = Array(window)
        let vectors = try models.map { try Self.read(tokens, $0) }, others = try reference.map { try Self.read(tokens, $0) }
        for start in stride(from: counting.first(context), to: context - 1, by: Self.block) {
            let range = start..<min(start + Self.block, context - 1)
            let references = try others.flatMap { others in try reference?.logits(others, range) }
            for (index, model) in models.enumerated() {
                let logits = try model.logits(vectors[index], range)
                for prediction in judge(logits, references, targets: tokens[range.lowerBound + 1...range.upperBound]) {
                    evaluations[index].count(prediction)
                }
            }
        }
    }

    /// Predictions in order, so that sums do not depend on the threads.
    private func judge(_ logits: FloatMatrix, _ references: FloatMatrix?, targets: ArraySlice<UInt32>) -> [Evaluation.Prediction] {
        let predictions = Mutex(Array(repeating: Evaluation.Prediction(), count: targets.count))
        pool.forEach(0..<targets.count, grain: 4) { piece in
            for t in piece {
                let prediction = Self.judge(logits, references, t, target: Int(targets[targets.startIndex + t]))
                predictions.withLock { $0[t] = prediction }
            }
        }
        return predictions.withLock { $0 }
    }

    /// The vectors after all tokens except the last, whose successor is unknown.
    private static func read(_ tokens: [UInt32], _ session: Session) throws -> FloatMatrix {
        session.restart()
        return try session.read(tokens.dropLast())
    }

    private static func judge(_ logits: FloatMatrix, _ references: FloatMatrix?, _ t: Int, target: Int) -> Evaluation.Prediction {
        let norm = FloatKernels.logSumExp(logits, t)
        var prediction = Evaluation.Prediction(loss: norm - Double(logits[t, target]))
        if let references {
            let referenceNorm = FloatKernels.logSumExp(references, t)
            prediction.reference = (
                loss: referenceNorm - Double(references[t, target]),
                divergence: FloatKernels.divergence(references, referenceNorm, logits, norm, t),
                agrees: logits.largestIndex(t) == references.largestIndex(t)
            )
        }
        return prediction
    }
}
