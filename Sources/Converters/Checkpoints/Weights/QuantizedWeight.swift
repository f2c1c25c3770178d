import QAMFormat

/// A weight that a checkpoint stores quantized: one plain tensor, computed from several stored ones as it is read.
///
/// A rule creates it from descriptors, checks their types and shapes there, and reads nothing but small tables. Reads are independent and
/// may be concurrent; what a read allocates is proportional to its rows.
protocol QuantizedWeight: Sendable {
    /// The plain tensor's name.
    var name: String { get }
    /// The plain tensor's shape, row-major.
    var shape: [Int] { get }
    /// The type that the stored tensors are made for, such as that of the scales. The plain tensor has it if the model's configuration states none.
    var storedType: DType? { get }
    /// A warning about how the weight is read, the same text for all weights that it concerns.
    var note: String? { get }
    /// The stored tensors that the weight is computed from. They are not part of the plain model.
    var parts: [StoredTensor] { get }
    /// Reads start at multiples of this many rows, and end at such a multiple or at the last row.
    var granule: Int { get }
    /// The number of rows that are best read at once.
    var preferredRows: Int { get }
    /// The weights of some rows of the plain tensor, `rows.count` times its columns. Throws what reading throws, and `malformed` for stored
    /// values that contradict each other.
    func weights(_ rows: Range<Int>, from source: any TensorSource) throws -> [Float]
}

extension QuantizedWeight {
    var storedType: DType? { nil }
    var note: String? { nil }
    var granule: Int { 1 }
    /// About 64 Ki weights, which stay in a core's cache.
    var preferredRows: Int { max(1, (1 << 16) / max(1, columns)) }

    var columns: Int { shape.last ?? 1 }
    /// The product of all dimensions but the last.
    var rowCount: Int { shape.dropLast().reduce(1, &*) }
}

/// What a plain weight can be.
enum PlainWeight {
    /// The types by PyTorch's names.
    static let types: [String: DType] = ["float32": .f32, "float16": .f16, "bfloat16": .bf16]

    /// The number of elements of a shape; nil if its bytes cannot be counted.
    static func elementCount(_ shape: [Int]) -> Int? { TensorDescriptor.checkedElementCount(shape).flatMap { $0 < .max / 8 ? $0 : nil } }
}
