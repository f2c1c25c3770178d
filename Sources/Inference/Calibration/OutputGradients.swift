internal import QAMFormat

/// The backward pass: gradients of the predictions' likelihood at each matrix's outputs.
extension Calibrator {
    /// The output Hessian of a matrix: E[g gT], [rows, rows], where g, one vector per token, is the gradient with respect to y = W x
    /// (before the bias) of the summed negative log-likelihood, in nats, of all tokens of the window, with labels sampled from the model's
    /// predictions.
    ///
    /// Together with E[x xT] of the inputs it is the Kronecker-factored approximation of the Fisher information of the matrix (K-FAC, arXiv
    /// 1503.05671): weight errors e change the predictions by a KL divergence of about tr(E[g gT] e E[x xT] eT) / 2 per token. YAQA (arXiv
    /// 2505.22988) rounds by it.
    package struct Output {
        /// The name of the matrix's tensor.
        package let matrix: String
        package let hessian: HessianSum
    }

    /// Throws `limitExceeded` if the memory that gradients need, independent of the text, exceeds this machine's.
    static func requireGradientMemory(_ model: Transformer) throws {
        try MemoryBound.require(1, of: HeadGradient.byteCount(model), "the head's float32 weights and its predictions")
        for layer in model.layers {
            let hessians = layer.inputs.joined().reduce(0) { $0 + MemoryLayout<Float>.stride * $1.rows * $1.rows }
            try MemoryBound.require(1, of: LayerGradient.byteCount(layer) + hessians, "a layer's float32 weights and output Hessians")
        }
    }
}
