internal import QAMFormat

/// Coding steps that use a factor.
extension FeedbackKernels {
    /// Adds the feedback of the errors of `count` columns from `first` on to `targets`, rows of the group at column `group`.
    func feed(_ errors: Rows, of first: Int, count: Int, rows: Int, through factor: FeedbackFactor, group: Int, into targets: Rows) {
        precondition(first >= 0)
        let place = factor.panelStart(group: group) + first * Self.groupColumns
        feed(errors, count: count, rows: rows, through: factor.panels, at: place, into: targets)
    }

    /// Encodes a row's group of `columns` columns at column `group`; see `withGroup` for the other parameters.
    func code(
        _ z: Rows, group: Int, columns: Int, _ coder: any GroupCoder, _ factor: FeedbackFactor, targets: Rows, codewords: Rows,
        symbols: Bytes, at place: Range<Int>, work: inout [Float]
    ) {
        precondition(place.count == coder.code.symbolBytes(columns: columns))
        let coefficients = Coefficients(
            panels: factor.panels, panel: factor.panelStart(group: group) + group * Self.groupColumns, metric: factor.metric, firstPair: group / 2)
        withGroup(z, columns: columns, coefficients, targets: targets, codewords: codewords, symbols: symbols, at: place) {
            coder.code($0, kernels: self, work: &work)
        }
    }
}
