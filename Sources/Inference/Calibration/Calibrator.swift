package import QAMFormat

/// Runs a text through a model, layer by layer, and gathers statistics of each matrix's inputs; optionally runs the backward pass and
/// gathers the gradients at each matrix's outputs (`CalibrationRun`).
///
/// Between layers the vectors of all windows are in memory (windows * context * width * 4 bytes; with gradients as much again per layer),
/// but the statistics of one layer only.
package struct Calibrator: Sendable {
    /// The statistics of an input that one or more matrices share.
    package struct Input {
        /// Names of the matrices' tensors.
        package let matrices: [String]
        package internal(set) var statistics: InputStatistics
        /// If requested.
        package let hessian: HessianSum?
    }

    /// The complete statistics of a layer.
    package enum Layer {
        /// Of the forward pass, from the first layer to the last.
        case inputs([Input])
        /// Of the backward pass, from the last layer to the first, if gradients are gathered.
        case outputs([Output])
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

    /// The names of the matrices of each input, in the order of a run, and the input's width.
    package var inputs: [(matrices: [String], width: Int)] {
        model.layers.flatMap { layer in
            layer.inputs.map { matrices in (matrices.map(\.name), matrices[0].columns) }
        }
    }
}

extension TransformerLayer {
    /// The matrices that read the same vectors, in execution order.
    var inputs: [[any Linear]] {
        [[query.matrix, key.matrix, value.matrix], [output.matrix], [gate.matrix, up.matrix], [down.matrix]]
    }
}
