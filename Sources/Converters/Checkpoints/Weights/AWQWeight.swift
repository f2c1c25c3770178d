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

    /// The caller has checked types and shapes: of `words` [inputs, outputs / 8], `zeros` [groups, outputs / 8] and `scales`
    /// [groups, outputs], where the inputs are a multiple of the groups.
    init(name: String, words: StoredTensor, zeros: StoredTensor, scales: StoredTensor) {
        shape = [scales.columns, words.rows]
        (self.name, self.words, self.zeros, self.scales) = (name, words, zeros, scales)
    }

    var parts: [StoredTensor] { [words, zeros, scales] }
    var storedType: DType? { scales.dtype }
    /// Eight words of each stored row.
    var granule: Int { 64 }
    /// Each read takes a part of every stored row: the more at once, the better.
    var preferredRows: Int { .max }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let width = rows.count, inputs = columns, groups = scales.rows, size = inputs / groups
        let panel = rows.lowerBound / 8..<(rows.upperBound + 7) / 8
        let words = try words.wordColumns(panel, of: source), zeros = try zeros.wordColumns(panel, of: source)
        let scales = try scales.floats(columns: rows, of: source)
        return unsafe [Float](unsafeUninitializedCapacity: width * inputs) { weights, count in
            count = width * inputs
            unsafe words.withUnsafeBufferPointer { words in
                for word in 0..<panel.count {
                    for (nibble, output) in Self.order.enumerated() {
                        let row = word * 8 + output, shift = UInt32(4 * nibble)
                        for group in 0..<groups {
                            let scale = scales[group * width + row]
                            let zero = Float(zeros[word * groups + group] >> shift & 15)
                            for i in group * size..<(group + 1) * size {
                                let code = unsafe Int32(truncatingIfNeeded: words[word &* inputs &+ i] >> shift & 15)
                                unsafe weights.initializeElement(at: row &* inputs &+ i, to: (Float(code) - zero) * scale)
                            }
                        }
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
