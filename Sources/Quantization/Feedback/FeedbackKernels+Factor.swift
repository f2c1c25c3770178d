internal import QAMFormat

/// Coding steps that use a factor.
extension FeedbackKernels {
    /// Adds the feedback of the errors of `count` columns from `first` on to `targets`, rows of the group at column `group`.
    func feed(_ errors: Rows, of first: Int, count: Int, rows: Int, through factor: FeedbackFactor, group: Int, into targets: Rows) {
        precondition(first >= 0)
        let place = factor.panelStart(group: group) + first * Self.groupColumns
        feed(errors, count: count, rows: rows, through: factor.panels, at: place, into: targets)
    }

    /// The coefficients of the group at this column.
    private func coefficients(_ factor: FeedbackFactor, group: Int, columns: Int) -> Coefficients {
        Coefficients(
            panels: factor.panels, panel: factor.panelStart(group: group) + group * Self.groupColumns, metric: factor.metric,
            metricPlace: factor.metricStart(unit: group / factor.unitColumns)..<factor.metricStart(unit: (group + columns - 1) / factor.unitColumns + 1))
    }

    /// The numbers of a group in rows that are coded together.
    struct Group {
        let z: Rows
        let targets: Rows
        let codewords: Rows
    }

    /// Encodes consecutive groups with `columns` columns, from column `start` on, of rows that are coded together; `place` is that of their symbols. See
    /// `withGroup` for the numbers of each group.
    func code(
        _ groups: [Group], rows: Int, start: Int, columns: Int, _ coder: any FeedbackCoder, _ factor: FeedbackFactor, symbols: Bytes, at place: Range<Int>,
        work: inout [Float]
    ) {
        precondition(place.count == coder.symbolBytes(columns: columns) && groups.count <= 2 && groups.count == Self.padded(columns) / Self.groupColumns)
        func with(_ index: Int, _ body: (FeedbackGroup) -> Void) {
            let group = groups[index], first = index * Self.groupColumns, used = min(Self.groupColumns, columns - first)
            withGroup(
                group.z, rows: rows, columns: used, coefficients(factor, group: start + first, columns: used), targets: group.targets,
                codewords: group.codewords, symbols: symbols, at: place, body)
        }
        with(0) { first in
            if groups.count == 1 { return coder.code(first, kernels: self, work: &work) }
            with(1) { coder.code(first.joined(with: $0), kernels: self, work: &work) }
        }
    }
}
