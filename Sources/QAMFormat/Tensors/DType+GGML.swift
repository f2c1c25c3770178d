extension DType {
    /// ggml's Q8_0: blocks of 32 bytes with one F16 scale.
    public static let q8_0 = DType(id: 64 + 8)

    /// The block types of ggml, in order of its numbers. Types that ggml shares with safetensors have the latter's names.
    public static let ggml: [DType] = ggmlForms.map { DType(id: $0.id) }

    static let ggmlForms: [Form] = [
        .init(64 + 2, "Q4_0", 32, 18), .init(64 + 3, "Q4_1", 32, 20), .init(64 + 6, "Q5_0", 32, 22),
        .init(64 + 7, "Q5_1", 32, 24), .init(64 + 8, "Q8_0", 32, 34), .init(64 + 9, "Q8_1", 32, 36),
        .init(64 + 10, "Q2_K", 256, 84), .init(64 + 11, "Q3_K", 256, 110), .init(64 + 12, "Q4_K", 256, 144),
        .init(64 + 13, "Q5_K", 256, 176), .init(64 + 14, "Q6_K", 256, 210), .init(64 + 15, "Q8_K", 256, 292),
        .init(64 + 16, "IQ2_XXS", 256, 66), .init(64 + 17, "IQ2_XS", 256, 74), .init(64 + 18, "IQ3_XXS", 256, 98),
        .init(64 + 19, "IQ1_S", 256, 50), .init(64 + 20, "IQ4_NL", 32, 18), .init(64 + 21, "IQ3_S", 256, 110),
        .init(64 + 22, "IQ2_S", 256, 82), .init(64 + 23, "IQ4_XS", 256, 136), .init(64 + 29, "IQ1_M", 256, 56),
        .init(64 + 34, "TQ1_0", 256, 54), .init(64 + 35, "TQ2_0", 256, 66), .init(64 + 39, "MXFP4", 32, 17),
        .init(64 + 40, "NVFP4", 64, 36), .init(64 + 41, "Q1_0", 128, 18), .init(64 + 42, "Q2_0", 64, 18),
    ]

    /// ggml's own number of a block type; nil for all other types.
    package var ggmlBlockID: UInt32? { id < 64 ? nil : UInt32(id) - 64 }
}
