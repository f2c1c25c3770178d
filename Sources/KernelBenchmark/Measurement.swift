internal import QAMFormat

/// The speed of one kernel: medians.
package struct Measurement: Sendable {
    package enum Kernel: String, CaseIterable, Sendable {
        /// Reading memory only: the upper bound of all others.
        case read
        /// Coded weights times one vector of int8 activations.
        case multiply
        /// The same with several vectors, for which each weight is unpacked once; weights count once per vector.
        case multiplyBatch
        /// Symbols to float32 weights, including the inverse rotation, into a small buffer.
        case dequantize
        /// Float32 weights in memory to symbols and gains, including the distortion.
        case encode
        /// Vectors to rotated int8 activations; the weights counted are their coordinates.
        case prepare
    }

    package let kernel: Kernel
    /// The family of the code, and its bits per weight.
    package var codebook: String?
    package var bits: Double?
    /// The target it was compiled for: `scalar`, `avx2`, `avx512` or `neon`.
    package let instructionSet: String
    package let threads: Int
    /// Vectors per product.
    package var batch: Int?
    /// Of a model's matrices: rows and columns, and the number of matrices of this kind.
    package var shape: [Int]?
    package var tensorCount: Int?
    package var weightsPerSecond = 0.0
    /// Stored bytes read: symbols, or the weights that are encoded.
    package var bytesPerSecond = 0.0
    /// The read rate divided by the memory bandwidth of the same number of threads.
    package var fractionOfMemoryRead: Double?

    init(_ kernel: Kernel, code: Code? = nil, kernels: Kernels, threads: Int) {
        self.kernel = kernel
        codebook = code?.family.name
        bits = code?.bits
        instructionSet = kernels.instructionSet.name
        self.threads = threads
    }

    /// Sets the ratio to plain reading of measurements that read weights from memory.
    func besideMemory(_ all: [Measurement]) -> Measurement {
        guard [.multiply, .dequantize].contains(kernel), let read = all.first(where: { $0.kernel == .read && $0.threads == threads }) else {
            return self
        }
        var result = self
        result.fractionOfMemoryRead = bytesPerSecond / read.bytesPerSecond
        return result
    }
}
