internal import QAMFormat

/// The speed of one kernel: medians.
public struct Measurement: Sendable {
    public enum Kernel: String, CaseIterable, Sendable {
        /// Memory read and nothing done with it: the limit of all that follow.
        case read
        /// Coded weights times one vector of int8 activations.
        case multiply
        /// The same with several vectors, for which each weight is unpacked once; weights count once for each vector.
        case multiplyBatch
        /// Symbols to float32 weights, rotation undone, into a small buffer.
        case dequantize
        /// Float32 weights in memory to symbols and gains, distortion included.
        case encode
        /// Vectors to rotated int8 activations; weights are their coordinates.
        case prepare
    }

    public let kernel: Kernel
    /// The family of the code, and its bits a weight.
    public var codebook: String?
    public var bits: Double?
    /// What it was compiled for: `scalar`, `avx2`, `avx512` or `neon`.
    public let instructionSet: String
    public let threads: Int
    /// Vectors multiplied at a time.
    public var batch: Int?
    /// Of a model's matrices: rows and columns, and how many there are of this kind.
    public var shape: [Int]?
    public var tensorCount: Int?
    public var weightsPerSecond = 0.0
    /// Stored bytes read: symbols, or what is encoded.
    public var bytesPerSecond = 0.0
    /// The bytes read by as many that memory gives to as many threads that only read.
    public var fractionOfMemoryRead: Double?

    init(_ kernel: Kernel, codebook: Codebook? = nil, kernels: Kernels, threads: Int) {
        self.kernel = kernel
        self.codebook = codebook?.family.name
        bits = codebook?.bits
        instructionSet = kernels.instructionSet.name
        self.threads = threads
    }

    /// Sets what reads its weights from memory beside plain reading.
    func besideMemory(_ all: [Measurement]) -> Measurement {
        guard [.multiply, .dequantize].contains(kernel), let read = all.first(where: { $0.kernel == .read && $0.threads == threads }) else {
            return self
        }
        var result = self
        result.fractionOfMemoryRead = bytesPerSecond / read.bytesPerSecond
        return result
    }
}
