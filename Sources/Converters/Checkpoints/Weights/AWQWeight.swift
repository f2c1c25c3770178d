import QAMFormat

/// A weight of AWQ in the form "gemm": (code - zero point) * scale with codes of 4 bits, stored by inputs. A word holds eight outputs.
struct AWQWeight: QuantizedWeight {
    /// The output of each nibble of a word, the lowest first.
    private static let order = [0, 2, 4, 6, 1, 3, 5, 7]

    let name: String
    /// [outputs, inputs].
    let shape: [Int]
    private let words: StoredTensor
    private let zeros: StoredTensor
    private let scales: StoredTensor
    private let panels: PanelCache

    /// The caller has checked types and shapes: of `words` [inputs, outputs / 8], `zeros` [groups, outputs / 8] and `scales`
    /// [groups, outputs], where the inputs are a multiple of the groups.
    init(name: String, words: StoredTensor, zeros: StoredTensor, scales: StoredTensor, panels: PanelCache) {
        shape = [scales.columns, words.rows]
        (self.name, self.words, self.zeros, self.scales, self.panels) = (name, words, zeros, scales, panels)
    }

    var parts: [StoredTensor] { [words, zeros, scales] }
    var storedType: DType? { scales.dtype }
    /// A word of each stored row.
    var granule: Int { 8 }

    /// What some rows need of every stored row.
    private struct Panel: Sendable {
        /// Of eight rows, one after the other.
        var words: [UInt32]
        var zeros: [UInt32]
        /// Of a group, one row after the other.
        var scales: [Float]
    }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        var weights = [Float](repeating: 0, count: rows.count * columns)
        var row = rows.lowerBound
        while row < rows.upperBound {
            let (held, panel) = try panels.panel(at: row / 8, of: words, width: words.columns, columnBytes: words.rows * 4, unit: 1) {
                Panel(
                    words: try words.wordColumns($0, of: source), zeros: try zeros.wordColumns($0, of: source),
                    scales: try scales.floats(columns: $0.lowerBound * 8..<$0.upperBound * 8, of: source))
            }
            let word = row / 8 - held.lowerBound
            unsafe weights.withUnsafeMutableBufferPointer { weights in
                unsafe dequantize(
                    word, of: panel, width: held.count * 8,
                    into: UnsafeMutableBufferPointer(rebasing: weights[(row - rows.lowerBound) * columns..<(row + 8 - rows.lowerBound) * columns]))
            }
            row += 8
        }
        return weights
    }

    /// Computes the eight rows of a word of a panel of `width` rows.
    private func dequantize(_ word: Int, of panel: Panel, width: Int, into weights: UnsafeMutableBufferPointer<Float>) {
        let inputs = columns, groups = scales.rows, size = inputs / groups
        unsafe panel.words.withUnsafeBufferPointer { words in
            for (nibble, row) in Self.order.enumerated() {
                let shift = UInt32(4 * nibble)
                for group in 0..<groups {
                    let scale = panel.scales[group * width + word * 8 + row]
                    let zero = Float(panel.zeros[word * groups + group] >> shift & 15)
                    for i in group * size..<(group + 1) * size {
                        let code = unsafe Int32(truncatingIfNeeded: words[word &* inputs &+ i] >> shift & 15)
                        unsafe weights[row &* inputs &+ i] = (Float(code) - zero) * scale
                    }
                }
            }
        }
    }
}

/// A weight of AWQ in the form "gemv": stored by outputs, eight inputs a word in sequence. Rows of scales and zero points end with unused ones.
struct AWQRowWeight: QuantizedWeight {
    let name: String
    /// [outputs, inputs].
    let shape: [Int]
    private let words: StoredTensor
    private let zeros: StoredTensor
    private let scales: StoredTensor
    private let groupSize: Int
    private let format = NumberFormat.integers(bits: 4, offset: 0)

    /// The caller has checked types and shapes: of `words` [outputs, inputs / 8], `zeros` [outputs, width] and `scales` [outputs, 8 * width], where
    /// 8 * width are at least as many as the groups.
    init(name: String, words: StoredTensor, zeros: StoredTensor, scales: StoredTensor, groupSize: Int) {
        shape = [words.rows, words.columns * 8]
        (self.name, self.words, self.zeros, self.scales, self.groupSize) = (name, words, zeros, scales, groupSize)
    }

    var parts: [StoredTensor] { [words, zeros, scales] }
    var storedType: DType? { scales.dtype }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let inputs = columns, width = scales.columns
        var weights = try format.decode(rows, of: words, rowBytes: words.rowBytes, columns: inputs, from: source)
        let zeros = try format.decode(rows, of: zeros, rowBytes: zeros.rowBytes, columns: width, from: source),
            scales = try scales.floats(rows: rows, of: source)
        unsafe weights.withUnsafeMutableBufferPointer { weights in
            for row in 0..<rows.count {
                for group in 0..<(inputs - 1) / groupSize + 1 {
                    let zero = zeros[row * width + group], scale = scales[row * width + group]
                    for i in row * inputs + group * groupSize..<row * inputs + min((group + 1) * groupSize, inputs) {
                        unsafe weights[i] = (weights[i] - zero) * scale
                    }
                }
            }
        }
        return weights
    }
}
