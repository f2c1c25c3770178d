internal import Architectures
internal import QAMFormat

/// Experts whose matrices are stacked in one tensor of Hugging Face, gate and up in one matrix of each.
extension FeedForwardNetwork {
    /// - Parameter count: of the experts.
    init(stacked tensors: LayerTensors, width: Int, expert: Int, of count: Int) throws {
        let c = tensors.configuration
        func projection(_ name: String, _ rows: Int, _ columns: Int) throws -> Projection {
            let rule = try tensors.required(name), whole = tensors.name(rule), isTransposed = rule.isArranged && rule.isWhole
            let stored = isTransposed ? (rows: columns, columns: rows) : (rows: rows, columns: columns)
            let (total, isTooLarge) = stored.rows.multipliedReportingOverflow(by: count)
            guard !isTooLarge else { throw QAMError(.malformed, "the experts are too many", at: .init(tensor: whole)) }
            let stack = try tensors.weights.matrix(rule.isWhole ? whole : "\(whole).weight", rows: total, columns: stored.columns)
            let slice = SlicedLinear(stack, rows: expert * stored.rows..<(expert + 1) * stored.rows)
            let bias = try tensors.weights.row(ifThere: "\(whole)_bias", expert, rows: count, count: rows)
            return Projection(matrix: isTransposed ? StoredTransposedLinear(stored: slice) : slice, bias: bias)
        }
        let isAlternating = try tensors.required("ffn_up_exps").isWhole
        inner = JoinedProjection(projections: [try projection("ffn_up_exps", 2 * width, c.width)], widths: [width, width], isAlternating: isAlternating)
        down = try projection("ffn_down_exps", c.width, width)
        activation = c.activation
        hasOwnTensors = false
    }
}
