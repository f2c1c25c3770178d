/// The statistics of experts that few tokens use.
///
/// A Hessian of fewer vectors than it has rows is singular, and what it says of the rest is chance. So a matrix of an expert that fewer tokens use than it has
/// channels, or rows, counts as if the missing ones were like the mean over all experts.
struct ExpertStatistics {
    /// The names of the experts' matrices of a kind that share an input, by expert.
    private let kinds: [[[String]]]

    /// Nil for a layer without experts.
    init?(_ layer: TransformerLayer) {
        guard case .experts(let mixture) = layer.feedForward else { return nil }
        kinds = [mixture.experts.map { $0.inner.projections.map(\.matrix.name) }, mixture.experts.map { [$0.down.matrix.name] }]
    }

    /// Completes the inputs' and outputs' statistics. O(experts * width^2).
    ///
    /// - Returns: the number of experts that no token uses.
    func complete(_ gathered: GatheredInputs, _ outputs: [Calibrator.Output]) -> Int {
        let unused = gathered.inputs.count { $0.statistics.count == 0 && kinds.last?.contains($0.matrices) == true }
        for experts in kinds {
            gathered.complete(experts)
            for place in experts.first.map({ 0..<$0.count }) ?? 0..<0 {
                let names = Set(experts.map { $0[place] })
                HessianSum.complete(outputs.filter { names.contains($0.matrix) }.map(\.hessian))
            }
        }
        return unused
    }
}
