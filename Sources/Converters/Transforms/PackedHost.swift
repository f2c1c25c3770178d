internal import QAMFormat

/// What the format that carries a packed model can hold, so that carriers take a form that fits it (spec section 9).
public struct PackedHost: Sendable {
    private let types: Set<DType>
    private let maximumDimensions: Int
    /// Names have fewer bytes than this.
    private let nameLimit: Int
    /// Whether rows must consist of whole blocks.
    private let hasWholeRows: Bool

    public static let safetensors = PackedHost(types: Set(DType.safetensors), maximumDimensions: .max, nameLimit: .max, hasWholeRows: false)

    public static let gguf = PackedHost(
        types: Set([.i8, .i16, .i32, .i64, .f16, .bf16, .f32, .f64] + DType.ggml), maximumDimensions: 4, nameLimit: 64, hasWholeRows: true)

    /// The carrier as this host holds it: with the short name where the plain one is too long, and with another type of
    /// the same size, or as a row of bytes, where its own does not fit. Only the number of bytes counts.
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
