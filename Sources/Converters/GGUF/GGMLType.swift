internal import QAMFormat

/// GGUF's numbers of tensor types.
enum GGMLType {
    /// Types that other formats have too; block types are numbered as in `DType.ggml`.
    private static let plain: [(UInt32, DType)] = [
        (0, .f32), (1, .f16), (24, .i8), (25, .i16), (26, .i32), (27, .i64), (28, .f64), (30, .bf16),
    ]
    private static let all = plain + DType.ggml.map { (UInt32($0.id) - 64, $0) }
    private static let types = Dictionary(uniqueKeysWithValues: all)
    private static let numbers = Dictionary(uniqueKeysWithValues: all.map { ($1, $0) })

    /// Types removed from ggml, whose layout readers no longer support.
    private static let removed: Set<UInt32> = [4, 5, 31, 32, 33, 36, 37, 38]

    /// Nil for a type that GGUF lacks.
    static func number(of dtype: DType) -> UInt32? { numbers[dtype] }

    /// Throws errors without a place.
    static func dtype(_ number: UInt32) throws -> DType {
        if let dtype = types[number] { return dtype }
        guard removed.contains(number) else { throw QAMError(.malformed, "unknown tensor type \(number)") }
        throw QAMError(.unsupported, "ggml has removed the tensor type \(number); convert the original model again")
    }
}
