package import QAMFormat

/// Runs a text through a model and gathers statistics of each matrix's inputs; optionally runs the backward pass and gathers the gradients at each matrix's
/// outputs too (`CalibrationRun`).
///
/// In memory are the vectors of all windows (windows * context * width * 4 bytes; with gradients those before several layers, see `SavedVectors`) and the
/// statistics of one part of the model.
package struct Calibrator: Sendable {
    /// The statistics of an input that one or more matrices share.
    package struct Input {
        /// Names of the matrices' tensors.
        package let matrices: [String]
        package internal(set) var statistics: InputStatistics
        /// If requested.
        package let hessian: HessianSum?
    }

    /// The complete statistics of a part of the model: of the head, a layer or the embedding. The properties correspond to `PartNames`.
    package struct Part {
        package let inputs: [Input]
        package var outputs: [Output] = []
        package var tokenWeights: [TokenWeights] = []
        /// Experts of the layer that no token uses; their statistics are those of the others.
        package var unusedExperts = 0
    }

    /// What a run gathers of a part.
    package struct PartNames: Sendable {
        /// The names of the matrices that share an input, and its width.
        package let inputs: [(matrices: [String], width: Int)]
        /// Matrices and their rows.
        package let outputs: [(matrix: String, rows: Int)]
        /// Matrices with one row per token, and their rows.
        package let tokenWeights: [(matrix: String, rows: Int)]

        package init(
            inputs: [(matrices: [String], width: Int)], outputs: [(matrix: String, rows: Int)] = [], tokenWeights: [(matrix: String, rows: Int)] = []
        ) {
            (self.inputs, self.outputs, self.tokenWeights) = (inputs, outputs, tokenWeights)
        }
    }

    let model: Transformer
    package let context: Int
    let pool: WorkerPool
    package let gathersHessians: Bool
    package let gathersGradients: Bool
    let checkpoint: @Sendable () throws -> Void

    /// - Parameters:
    ///   - gatheringHessians: whether to gather E[x xT]: width^2 * 4 bytes for each input of a layer.
    ///   - gatheringGradients: whether to gather E[g gT] (`Output`): rows^2 * 4 bytes for each matrix of a layer, and the float32 weights
    ///     of a layer or the head.
    ///   - checkpoint: called before each layer of each window; an error that it throws ends the run.
    /// - Throws: `invalidArgument` for an empty window, `limitExceeded` for statistics that do not fit in this machine's memory.
    package init(
        _ model: Transformer, context: Int, gatheringHessians: Bool, gatheringGradients: Bool = false, pool: WorkerPool,
        checkpoint: @escaping @Sendable () throws -> Void = {}
    ) throws {
        guard context >= 1 else { throw QAMError(.invalidArgument, "windows of \(context) tokens are empty") }
        if gatheringHessians {
            for width in model.layers.flatMap({ $0.inputs.map { $0[0].columns } }) {
                try MemoryBound.require(width, of: MemoryLayout<Float>.stride * width, "a Hessian of \(width) channels")
            }
        }
        if gatheringGradients { try Self.requireGradientMemory(model) }
        self.model = model
        self.context = context
        self.pool = pool
        gathersHessians = gatheringHessians
        gathersGradients = gatheringGradients
        self.checkpoint = checkpoint
    }

    /// The parts in the order of a run. Without gradients: the layers from the first to the last, and the head if it has a matrix of its own. With
    /// gradients the reverse, and then the embedding.
    package var parts: [PartNames] {
        let layers = model.layers.map { layer in
            PartNames(
                inputs: layer.inputs.map { matrices in (matrices.map(\.name), matrices[0].columns) },
                outputs: gathersGradients ? layer.inputs.joined().map { ($0.name, $0.rows) } : [])
        }
        func table(_ matrix: any Linear) -> PartNames {
            PartNames(inputs: [([matrix.name], matrix.columns)], tokenWeights: gathersGradients ? [(matrix.name, matrix.rows)] : [])
        }
        let head = model.isTied ? [] : [table(model.head)]
        return gathersGradients ? head + layers.reversed() + [table(model.embedding)] : layers + head
    }
}
