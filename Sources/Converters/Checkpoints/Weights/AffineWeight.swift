import QAMFormat

/// A weight of MLX: code * scale + bias for each group of columns.
struct AffineWeight: QuantizedWeight {
    let name: String
    let shape: [Int]
    private let codes: StoredTensor
    private let format: NumberFormat
    private let scales: ScaleGrid
    private let biases: ScaleGrid

    /// The caller has checked that rows of `codes` are rows of the weight in this format. `biases` has the shape of the scales.
    init(name: String, shape: [Int], codes: StoredTensor, _ format: NumberFormat, scales: ScaleGrid, biases: StoredTensor) {
        (self.name, self.shape, self.codes, self.format, self.scales) = (name, shape, codes, format, scales)
        self.biases = scales.with(biases)
    }

    var parts: [StoredTensor] { [codes, scales.tensor, biases.tensor] }
    var storedType: DType? { scales.tensor.dtype }

    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float] {
        let columns = columns
        var weights = try format.decode(rows, of: codes, rowBytes: codes.rowBytes, columns: columns, from: source)
        let stored = try scales.stored(rows, of: source), biases = try biases.stored(rows, of: source)
        unsafe weights.withUnsafeMutableBufferPointer { weights in
            scales.forEachRun(rows, columns: columns) { run, place in
                let scale = stored[place], bias = biases[place]
                for i in run { unsafe weights[i] = weights[i] * scale + bias }
            }
        }
        return weights
    }
}
