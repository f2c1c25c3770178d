import QAMFormat

/// Reads whole rows of a source's raw floating-point tensor as Float.
struct RowReader {
    let descriptor: TensorDescriptor
    let dtype: DType
    private let base: any TensorSource
    private let tensor: Int
    private let rowBytes: Int

    /// - Parameter family: the codes that the tensor is to have; nil for types that take any rows.
    /// - Throws: `QAMError.invalidArgument` for a tensor that cannot be quantized with codes of the family.
    init(_ base: any TensorSource, tensor: Int, to family: Code.Family?) throws {
        guard base.tensors.indices.contains(tensor) else {
            throw QAMError(.invalidArgument, "the plan names tensor \(tensor) of \(base.tensors.count)")
        }
        descriptor = base.tensors[tensor]
        if let obstacle = QuantizationPlan.obstacle(descriptor, to: family) {
            throw QAMError(.invalidArgument, "the tensor cannot be quantized: \(obstacle)", at: .init(tensor: descriptor.name))
        }
        guard case .raw(let dtype) = descriptor.storage, let rowBytes = dtype.byteCount(elements: descriptor.columns) else {
            throw QAMError(.invalidArgument, "the tensor's rows fill no whole blocks", at: .init(tensor: descriptor.name))
        }
        self.base = base
        self.tensor = tensor
        self.dtype = dtype
        self.rowBytes = rowBytes
    }

    var columns: Int { descriptor.columns }

    /// Ranges of rows must start at multiples of this: the base's granule may span several rows.
    var granule: Int {
        let bytes = base.granule(of: tensor)
        return bytes / greatestCommonDivisor(bytes, rowBytes)
    }

    /// The tensor's rows in ranges of about this many bytes.
    func ranges(ofBytes bytes: Int) -> [Range<Int>] {
        let rows = max(1, bytes / rowBytes / granule) * granule
        return stride(from: 0, to: descriptor.rows, by: rows).map { $0..<min($0 + rows, descriptor.rows) }
    }

    /// Passes `body` a function that fills in a row's weights, counted from the first row. Rows are converted one at a time, because all of them as floats
    /// would not stay in the processor's caches.
    func withRows<Result>(
        _ rows: Range<Int>, _ body: ((Int, inout MutableSpan<Float>) throws -> Void) throws -> Result
    ) throws -> Result {
        try base.withElements(rows.lowerBound * rowBytes..<rows.upperBound * rowBytes, of: tensor) { bytes in
            guard bytes.byteCount == rows.count * rowBytes else {
                throw QAMError(.truncated, "\(rows.count) rows do not have their length")
            }
            return try body { row, weights in
                let elements = bytes.extracting(row * rowBytes..<(row + 1) * rowBytes)
                if !Kernels.chosen.floats(elements, as: dtype, into: &weights) {
                    try ElementConversion.floats(elements, as: dtype, into: &weights)
                }
            }
        }
    }

    /// Writes the weights of one row.
    func fill(_ row: Int, _ weights: inout MutableSpan<Float>) throws {
        let granule = granule, start = row / granule * granule
        try withRows(start..<min(start + granule, descriptor.rows)) { fill in try fill(row - start, &weights) }
    }

    /// Runs `body` and adds the tensor's name to its errors.
    func named<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch var error as QAMError {
            error.place.tensor = error.place.tensor ?? descriptor.name
            throw error
        }
    }
}
