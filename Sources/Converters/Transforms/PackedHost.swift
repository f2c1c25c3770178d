internal import QAMFormat

/// The limits of the format that stores a packed model, which determine the form of carriers (spec section 9).
package struct PackedHost: Sendable {
    private let types: Set<DType>
    private let maximumDimensions: Int
    /// The first length in bytes that is too long for a name.
    private let nameLimit: Int
    /// Whether rows must consist of whole blocks.
    private let hasWholeRows: Bool
    /// Whether transformers loads it, by config.json.
    let isTransformers: Bool

    package static let safetensors = PackedHost(
        types: Set(DType.safetensors), maximumDimensions: .max, nameLimit: .max, hasWholeRows: false, isTransformers: true)

    package static let gguf = PackedHost(
        types: Set([.i8, .i16, .i32, .i64, .f16, .bf16, .f32, .f64] + DType.ggml), maximumDimensions: 4, nameLimit: 64, hasWholeRows: true,
        isTransformers: false)

    /// The carrier in a form that this host supports: with the short name if the plain one is too long, and with another type of the same
    /// size, or as a row of bytes, if its own is not supported. Only the number of bytes matters.
    func carrier(_ plain: TensorDescriptor, shortName: String) -> TensorDescriptor {
        var carrier = plain
        if carrier.name.utf8.count >= nameLimit { carrier.name = shortName }
        guard case .raw(let dtype) = plain.storage else { return carrier }
        let fits = plain.shape.count <= maximumDimensions && (!hasWholeRows || plain.columns % dtype.blockElements == 0)
        if fits, types.contains(dtype) { return carrier }
        if fits, dtype.blockElements == 1, let substitute = Self.integers[dtype.blockBytes], types.contains(substitute) {
            carrier.storage = .raw(substitute)
        } else {
            carrier.storage = .raw(types.contains(.u8) ? .u8 : .i8)
            carrier.shape = [plain.byteCount]
        }
        return carrier
    }

    private static let integers: [Int: DType] = [1: .i8, 2: .i16, 4: .i32, 8: .i64]
}
