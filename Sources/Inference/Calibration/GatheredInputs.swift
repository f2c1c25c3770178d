internal import QAMFormat

/// The statistics of some matrices' inputs while they are gathered.
final class GatheredInputs {
    private(set) var inputs: [Calibrator.Input]
    private let pool: WorkerPool

    /// - Parameter matrices: those that share an input.
    init(_ matrices: [[any Linear]], _ calibrator: Calibrator) {
        pool = calibrator.pool
        inputs = matrices.map { matrices in
            let width = matrices[0].columns
            return Calibrator.Input(
                matrices: matrices.map(\.name), statistics: InputStatistics(width: width),
                hessian: calibrator.gathersHessians ? HessianSum(width: width) : nil)
        }
    }

    /// - Parameter isSecond: whether these are second vectors of tokens that are counted already; they count in squares and products only.
    func add(_ names: [String], _ vectors: FloatMatrix, isSecond: Bool = false) {
        guard let index = inputs.firstIndex(where: { $0.matrices == names }) else { return }
        if isSecond { inputs[index].statistics.addSquares(vectors) } else { inputs[index].statistics.add(vectors) }
        inputs[index].hessian?.add(vectors, counting: !isSecond, pool: pool)
    }

    /// Completes the statistics of experts that few tokens use; `experts` are the names of each one's matrices.
    func complete(_ experts: [[String]]) {
        let indexes = inputs.indices.filter { experts.contains(inputs[$0].matrices) }
        HessianSum.complete(indexes.compactMap { inputs[$0].hessian })
        let all = indexes.map { inputs[$0].statistics }
        for index in indexes { inputs[index].statistics.complete(all) }
    }
}
