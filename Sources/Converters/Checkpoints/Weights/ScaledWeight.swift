import QAMFormat

/// A weight stored in the rows of the plain tensor: (value - zero point) * scale.
///
/// The scale of a weight is that of its block or, with a group index, that of the group that the index gives its column.
struct ScaledWeight: QuantizedWeight {
    /// A number that all scales of the weight are multiplied or divided by.
    struct Factor: Hashable, Sendable {
        let grid: ScaleGrid
        let divides: Bool
    }

    let name: String
    let shape: [Int]
    private let values: StoredTensor
    private let format: NumberFormat
    private let scales: ScaleGrid
    private let zeroPoints: ZeroPoints?
    private let factor: Factor?
    /// The group of each column.
    private let groupIndex: StoredTensor?
    private let others: [StoredTensor]
    private let valueBytes: Int

    /// - Parameter others: further parts, which the rule has read.
    /// - Throws: `malformed` if the stored values are not those of a tensor of this shape.
    init(
        name: String, shape: [Int], values: StoredTensor, _ format: NumberFormat, scales: ScaleGrid, zeroPoints: ZeroPoints? = nil, factor: Factor? = nil,
        groupIndex: StoredTensor? = nil, others: [StoredTensor] = []
    ) throws {
        guard let valueBytes = format.rowBytes(columns: shape.last ?? 1), PlainWeight.elementCount(shape) != nil,
            let stored = values.dtype.byteCount(elements: values.elementCount), case let rows = shape.dropLast().reduce(1, &*),
            valueBytes.multipliedReportingOverflow(by: rows) == (stored, false)
        else { throw values.malformed("its shape is \(values.shape), which does not fit \"\(name)\" of shape \(shape)") }
        try groupIndex?.require(shape: [shape.last ?? 1], of: name)
        (self.name, self.shape, self.values, self.format, self.scales, self.zeroPoints, self.factor, self.groupIndex, self.others) =
            (name, shape, values, format, scales, zeroPoints, factor, groupIndex, others)
        self.valueBytes = valueBytes
    }

    var parts: [StoredTensor] { [values, scales.tensor] + [zeroPoints?.tensor, factor?.grid.tensor, groupIndex].compactMap(\.self) + others }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let columns = columns
        var weights = try format.decode(rows, of: values, rowBytes: valueBytes, columns: columns, from: source)
        let scales = try effectiveScales(rows, source), zeros = try zeroPoints?.values(rows, of: source)
        if let groupIndex {
            try apply(scales, zeros, of: groupIndex.groups(self.scales.gridColumns, columns: columns, of: name, from: source), to: &weights, rows)
        } else {
            unsafe weights.withUnsafeMutableBufferPointer { weights in
                if let zeros, let grid = zeroPoints?.grid {
                    grid.forEachRun(rows, columns: columns) { run, place in
                        let zero = zeros[place]
                        for i in run { unsafe weights[i] -= zero }
                    }
                }
                self.scales.forEachRun(rows, columns: columns) { run, place in
                    let scale = scales[place]
                    for i in run { unsafe weights[i] *= scale }
                }
            }
        }
        return weights
    }

    private func apply(_ scales: [Float], _ zeros: [Float]?, of groups: [Int], to weights: inout [Float], _ rows: Range<Int>) {
        let first = self.scales.gridRow(rows.lowerBound)
        for (place, row) in rows.enumerated() {
            let start = (self.scales.gridRow(row) - first) * self.scales.gridColumns
            for (column, group) in groups.enumerated() {
                let i = place * groups.count + column
                weights[i] = (weights[i] - (zeros?[start + group] ?? 0)) * scales[start + group]
            }
        }
    }

    private func effectiveScales(_ rows: Range<Int>, _ source: any TensorSource) throws -> [Float] {
        var scales = try scales.stored(rows, of: source)
        guard let factor else { return scales }
        let factors = try factor.grid.stored(rows, of: source), firstFactor = factor.grid.gridRow(rows.lowerBound)
        let first = self.scales.gridRow(rows.lowerBound)
        for row in rows {
            // Each row of scales once, with its first row of weights.
            guard row == rows.lowerBound || self.scales.gridRow(row) != self.scales.gridRow(row - 1) else { continue }
            let start = (self.scales.gridRow(row) - first) * self.scales.gridColumns
            let other = factors[factor.grid.gridRow(row) - firstFactor]
            for i in start..<start + self.scales.gridColumns { scales[i] = factor.divides ? scales[i] / other : scales[i] * other }
        }
        return scales
    }
}
