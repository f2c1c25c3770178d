package import QAMFormat

/// What the matrices of a GGUF become: one of ggml's block types, or a mixture of them by llama.cpp's name for it.
package struct BlockTypes: Hashable, Sendable {
    /// The name on the command line, as in llama-quantize.
    package let name: String
    /// The type of the matrices to which the mixture gives no other.
    package let base: DType
    /// llama.cpp's number of the file type.
    let fileType: UInt32
    /// Nil: all matrices have the base type.
    let mixture: TypeMixture?

    /// A type or mixture by its name.
    ///
    /// - Parameter pure: whether all matrices get the mixture's base type.
    package static func named(_ name: String, pure: Bool = false) -> BlockTypes? {
        all.first { $0.name == name }.map { BlockTypes(name: name, base: $0.base, fileType: $0.fileType, mixture: pure ? nil : $0.mixture) }
    }

    private init(name: String, base: DType, fileType: UInt32, mixture: TypeMixture?) {
        (self.name, self.base, self.fileType, self.mixture) = (name, base, fileType, mixture)
    }

    private init(_ name: String, _ base: String, _ fileType: UInt32, _ mixture: TypeMixture? = nil) {
        self.init(name: name, base: .ggml(base), fileType: fileType, mixture: mixture)
    }

    /// `q3_k`, `q4_k`, `q5_k`, `q8_0` and `mxfp4` are types alone, the others mixtures.
    package static let all: [BlockTypes] = [
        .init("q8_0", "Q8_0", 7),
        .init("q4_0", "Q4_0", 2, .q4_0), .init("q4_1", "Q4_1", 3, .plain), .init("q5_0", "Q5_0", 8, .q5_0), .init("q5_1", "Q5_1", 9, .plain),
        .init("q2_k", "Q2_K", 10, .q2_k), .init("q2_k_s", "Q2_K", 21, .q2_k_s),
        .init("q3_k", "Q3_K", 11), .init("q3_k_s", "Q3_K", 11, .q3_k_s), .init("q3_k_m", "Q3_K", 12, .q3_k_m), .init("q3_k_l", "Q3_K", 13, .q3_k_l),
        .init("q4_k", "Q4_K", 14), .init("q4_k_s", "Q4_K", 14, .q4_k_s), .init("q4_k_m", "Q4_K", 15, .q4_k_m),
        .init("q5_k", "Q5_K", 16), .init("q5_k_s", "Q5_K", 16, .plain), .init("q5_k_m", "Q5_K", 17, .q5_k_m),
        .init("q6_k", "Q6_K", 18, .plain),
        .init("iq4_nl", "IQ4_NL", 25, .iq4), .init("iq4_xs", "IQ4_XS", 30, .iq4),
        .init("mxfp4", "MXFP4", 38), .init("mxfp4_moe", "MXFP4", 38, .mxfp4),
    ]

    /// The types among which those of tensors are chosen: one of each size for rows of whole blocks of 256, and those of 32.
    static let choices: [DType] = ["Q2_K", "Q3_K", "IQ4_XS", "Q4_K", "Q5_K", "Q6_K", "Q4_0", "IQ4_NL", "Q4_1", "Q5_0", "Q5_1", "Q8_0"].map(DType.ggml)

    /// llama.cpp's number for a file whose matrices have this type.
    static func fileType(_ dtype: DType) -> UInt32? { all.last { $0.base == dtype && $0.name != "mxfp4_moe" }?.fileType }

    /// The type for rows that are not whole blocks of `dtype`, as llama.cpp chooses it: the next larger of those with blocks of 32.
    static func fallback(_ dtype: DType, columns: Int) -> DType {
        guard columns % dtype.blockElements != 0 else { return dtype }
        let smaller: DType? =
            switch dtype.name {
            case "Q2_K", "Q3_K": .ggml("Q4_0")
            case "Q4_K": .ggml("Q5_0")
            case "Q5_K": .ggml("Q5_1")
            case "Q6_K": .q8_0
            case "IQ4_XS": .ggml("IQ4_NL")
            default: nil
            }
        guard let smaller, columns % smaller.blockElements == 0 else { return .f16 }
        return smaller
    }
}

extension DType {
    /// A block type by ggml's name, which `DType.ggml` has.
    static func ggml(_ name: String) -> DType { ggml.first { $0.name == name } ?? .f16 }
}
