internal import Architectures
internal import CQAMKernels.Floats
internal import QAMFormat

/// Safe wrappers for the C functions of the forward pass; the only place that passes pointers to them.
enum FloatKernels {
    private static let table = unsafe fk_functions_for(qam_features_allowed()).pointee

    /// The storage type of weights.
    enum Storage {
        case float32, float16, bfloat16

        /// Nil for types that must be converted first.
        init?(_ dtype: DType) {
            switch dtype {
            case .f32: self = .float32
            case .f16: self = .float16
            case .bf16: self = .bfloat16
            default: return nil
            }
        }

        var byteCount: Int { self == .float32 ? 4 : 2 }

        fileprivate var type: fk_type {
            switch self {
            case .float32: FK_F32
            case .float16: FK_F16
            case .bfloat16: FK_BF16
            }
        }
    }

    // MARK: - Products

    /// The products of contiguous rows and vectors: `out[t, firstRow + i]`.
    static func multiply(
        _ rows: RawSpan, _ storage: Storage, columns: Int, by x: FloatMatrix, vectors: Range<Int>, into out: FloatMatrix, firstRow: Int
    ) {
        let rowBytes = columns * storage.byteCount, rowCount = rowBytes > 0 ? rows.byteCount / rowBytes : 0
        guard rowCount > 0, !vectors.isEmpty else { return }
        precondition(rows.byteCount == rowCount * rowBytes && x.width >= columns && firstRow + rowCount <= out.width)
        let start = unsafe x.pointer(vectors.lowerBound, length: (vectors.count - 1) * x.width + columns)
        let target = unsafe out.pointer(vectors.lowerBound, firstRow, length: (vectors.count - 1) * out.width + rowCount)
        unsafe rows.withUnsafeBytes { bytes in
            unsafe table.multiply(
                bytes.baseAddress, storage.type, rowBytes, rowCount, columns, start, x.width, vectors.count, target, out.width)
        }
    }

    /// Part of a float matrix: `width` columns from `offset`, of `count` vectors from `first`.
    struct Block {
        var matrix: FloatMatrix
        var first = 0
        var count: Int
        var offset = 0
        var width: Int
    }

    /// The products of the vectors of two blocks of equal width: `out[t, i]` is that of row i and vector t.
    static func multiply(_ rows: Block, by x: Block, into out: Block) {
        guard rows.count > 0, x.count > 0, x.width > 0 else { return }
        precondition(rows.width == x.width && out.count == x.count && out.width == rows.count)
        precondition(rows.offset + rows.width <= rows.matrix.width && out.offset + out.width <= out.matrix.width)
        let r = unsafe rows.matrix.pointer(rows.first, rows.offset, length: (rows.count - 1) * rows.matrix.width + rows.width)
        let start = unsafe x.matrix.pointer(x.first, x.offset, length: (x.count - 1) * x.matrix.width + x.width)
        let target = unsafe out.matrix.pointer(out.first, out.offset, length: (out.count - 1) * out.matrix.width + out.width)
        unsafe table.multiply(
            r, FK_F32, rows.matrix.width * 4, rows.count, rows.width, start, x.matrix.width, x.count, target, out.matrix.width)
    }

    // MARK: - Vectors

    /// out[t] = x[t] / sqrt(mean(x[t]^2) + epsilon) * weight, in `weight.count` columns from `offset`; `out` may be `x`.
    static func normalize(_ x: FloatMatrix, _ t: Int, offset: Int = 0, _ weight: [Float], epsilon: Float, into out: FloatMatrix) {
        precondition(offset + weight.count <= x.width && x.width == out.width)
        unsafe table.rms_norm(
            x.pointer(t, offset, length: weight.count), weight, epsilon, weight.count, out.pointer(t, offset, length: weight.count))
    }

    /// x = exp(scale * x) / sum, for the columns of `range`.
    static func softmax(_ x: FloatMatrix, _ t: Int, _ range: Range<Int>, scale: Float) {
        precondition(range.upperBound <= x.width)
        unsafe table.softmax(x.pointer(t, range.lowerBound, length: range.count), scale, range.count)
    }

    /// Applies the rotary embedding: rotates the pairs (j, j + half) of `2 * half` columns from `offset`.
    static func rotate(_ x: FloatMatrix, _ t: Int, offset: Int, cosines: ArraySlice<Float>, sines: ArraySlice<Float>) {
        let half = cosines.count
        precondition(sines.count == half && offset + 2 * half <= x.width)
        unsafe cosines.withUnsafeBufferPointer { cosines in
            unsafe sines.withUnsafeBufferPointer { sines in
                unsafe table.rotary(x.pointer(t, offset, length: 2 * half), cosines.baseAddress, sines.baseAddress, half)
            }
        }
    }

    /// x[t] += y[s], in `y.width` columns of x from `offset`.
    static func add(_ y: FloatMatrix, _ s: Int, to x: FloatMatrix, _ t: Int, offset: Int = 0) {
        precondition(offset + y.width <= x.width)
        unsafe table.add(x.pointer(t, offset, length: y.width), y.pointer(s, length: y.width), y.width)
    }

    static func add(_ bias: [Float], to x: FloatMatrix, _ t: Int) {
        precondition(x.width == bias.count)
        unsafe table.add(x.pointer(t, length: x.width), bias, bias.count)
    }

    // MARK: - Activations, bounds and scales

    /// x = f(x) * h(y), where f is the activation and h(y) = y, or 1 + y for a clamped gate; without y, x = f(x).
    static func activate(_ activation: ForwardPass.Activation, _ x: FloatMatrix, _ y: FloatMatrix?, _ t: Int) {
        precondition(y.map { $0.width == x.width } ?? true)
        unsafe table.activate(activation.code, x.pointer(t, length: x.width), y?.pointer(t, length: x.width), x.width)
    }

    /// Replaces x and y by the gradients at them, given the gradient at the result of `activate`.
    static func activationGradient(_ activation: ForwardPass.Activation, _ x: FloatMatrix, _ y: FloatMatrix?, _ t: Int, gradient: FloatMatrix) {
        precondition(y.map { $0.width == x.width } ?? true && x.width == gradient.width)
        unsafe table.activation_gradient(
            activation.code, x.pointer(t, length: x.width), y?.pointer(t, length: x.width), gradient.pointer(t, length: x.width), x.width)
    }

    /// x = 1 / (1 + exp(-x)).
    static func sigmoid(_ x: FloatMatrix, _ t: Int) { unsafe table.sigmoid(x.pointer(t, length: x.width), x.width) }

    /// x = cap * tanh(scale * x / cap), for the columns of `range`.
    static func softCap(_ x: FloatMatrix, _ t: Int, _ range: Range<Int>, scale: Float = 1, cap: Float) {
        precondition(range.upperBound <= x.width)
        unsafe table.soft_cap(x.pointer(t, range.lowerBound, length: range.count), scale, cap, range.count)
    }

    /// x *= factor, for the columns of `range`.
    static func scale(_ x: FloatMatrix, _ t: Int, _ range: Range<Int>, by factor: Float) {
        precondition(range.upperBound <= x.width)
        unsafe table.scale(x.pointer(t, range.lowerBound, length: range.count), factor, range.count)
    }

    /// x[t] += factor * y[s].
    static func add(_ y: FloatMatrix, _ s: Int, times factor: Float, to x: FloatMatrix, _ t: Int) {
        precondition(x.width == y.width)
        unsafe table.add_scaled(x.pointer(t, length: x.width), y.pointer(s, length: y.width), factor, x.width)
    }

    // MARK: - Distributions

    /// The logarithm of the sum of exp(x[t]), over the columns of `range` if there is one.
    static func logSumExp(_ x: FloatMatrix, _ t: Int, _ range: Range<Int>? = nil) -> Double {
        let range = range ?? 0..<x.width
        precondition(!range.isEmpty && range.upperBound <= x.width)
        return unsafe table.log_sum_exp(x.pointer(t, range.lowerBound, length: range.count), range.count)
    }

    /// The Kullback-Leibler divergence of the softmax of x[t] from that of reference[t], given the `logSumExp` of both.
    static func divergence(_ reference: FloatMatrix, _ referenceNorm: Double, _ x: FloatMatrix, _ norm: Double, _ t: Int) -> Double {
        precondition(reference.width == x.width)
        return unsafe table.divergence(
            reference.pointer(t, length: x.width), referenceNorm, x.pointer(t, length: x.width), norm, x.width)
    }
}

extension ForwardPass.Activation {
    fileprivate var code: fk_activation {
        switch self {
        case .silu: FK_SILU
        case .gelu: FK_GELU
        case .squaredReLU: FK_SQUARED_RELU
        case .clampedGate: FK_CLAMPED_GATE
        }
    }
}
