internal import QAMFormat

/// Coding steps that use a factor.
extension FeedbackKernels {
    /// Adds the feedback of the errors of `count` columns from `first` on to `targets`, rows of the group at column `group`.
    func feed(_ errors: Rows, of first: Int, count: Int, rows: Int, through factor: FeedbackFactor, group: Int, into targets: Rows) {
        precondition(first >= 0)
        let place = factor.panelStart(group: group) + first * Self.groupColumns
        feed(errors, count: count, rows: rows, through: factor.panels, at: place, into: targets)
    }

    /// Encodes the group of `columns` columns at column `group` of rows that are coded together; see `withGroup` for the other parameters.
    func code(
        _ z: Rows, rows: Int, group: Int, columns: Int, _ coder: any GroupCoder, _ factor: FeedbackFactor, targets: Rows, codewords: Rows,
        symbols: Bytes, at place: Range<Int>, work: inout [Float]
    ) {
        precondition(place.count == coder.code.groupBytes(columns: columns))
        let coefficients = Coefficients(
            panels: factor.panels, panel: factor.panelStart(group: group) + group * Self.groupColumns, metric: factor.metric,
            metricPlace: factor.metricStart(unit: group / factor.unitColumns)..<factor.metricStart(unit: (group + columns - 1) / factor.unitColumns + 1))
        withGroup(z, rows: rows, columns: columns, coefficients, targets: targets, codewords: codewords, symbols: symbols, at: place) {
            coder.code($0, kernels: self, work: &work)
        }
    }
}
