/// The storage type of a raw tensor's elements. Sizes are given per block, which covers sub-byte and block-quantized types: `elements /
/// blockElements * blockBytes` bytes.
///
/// The ids are those of the .qamw directory (spec section 6.3); ids from 64 on are 64 + the ggml type id.
public struct DType: Hashable, Sendable {
    /// The number in the directory (spec section 6).
    public let id: UInt8

    /// What the id stands for.
    struct Form: Sendable {
        var id: UInt8
        var name: String
        var blockElements: Int
        var blockBytes: Int

        init(_ id: UInt8, _ name: String, _ blockElements: Int, _ blockBytes: Int) {
            self.id = id
            self.name = name
            self.blockElements = blockElements
            self.blockBytes = blockBytes
        }
    }

    /// A type of `forms`.
    init(id: UInt8) { self.id = id }

    /// The name that safetensors or ggml gives it.
    public var name: String { Self.forms[Int(id)].name }
    /// The elements of a block; 1 for plain types.
    public var blockElements: Int { Self.forms[Int(id)].blockElements }
    /// The bytes of a block.
    public var blockBytes: Int { Self.forms[Int(id)].blockBytes }

    /// The bytes of `elements` elements, or nil if they are not whole blocks or the size overflows.
    public func byteCount(elements: Int) -> Int? {
        guard elements >= 0, elements % blockElements == 0 else { return nil }
        let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
        return overflow ? nil : bytes
    }
}

extension DType {
    /// The types of safetensors.
    public static let bool = DType(id: 1)
    public static let f4 = DType(id: 2)
    public static let f6e2m3 = DType(id: 3)
    public static let f6e3m2 = DType(id: 4)
    public static let u8 = DType(id: 5)
    public static let i8 = DType(id: 6)
    public static let f8e5m2 = DType(id: 7)
    public static let f8e4m3 = DType(id: 8)
    public static let f8e8m0 = DType(id: 9)
    public static let f8e4m3fnuz = DType(id: 10)
    public static let f8e5m2fnuz = DType(id: 11)
    public static let i16 = DType(id: 12)
    public static let u16 = DType(id: 13)
    public static let f16 = DType(id: 14)
    public static let bf16 = DType(id: 15)
    public static let i32 = DType(id: 16)
    public static let u32 = DType(id: 17)
    public static let f32 = DType(id: 18)
    public static let c64 = DType(id: 19)
    public static let f64 = DType(id: 20)
    public static let i64 = DType(id: 21)
    public static let u64 = DType(id: 22)

    /// All types that safetensors names, in id order.
    public static let safetensors: [DType] = [
        .bool, .f4, .f6e2m3, .f6e3m2, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz,
        .i16, .u16, .f16, .bf16, .i32, .u32, .f32, .c64, .f64, .i64, .u64,
    ]

    /// Types of weights, which can be quantized, cast and multiplied. Includes ggml's block types.
    public static let floating: Set<DType> = Set(ggml).union([
        .f64, .f32, .f16, .bf16, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz,
    ])

    private static let safetensorsForms: [Form] = [
        .init(1, "BOOL", 1, 1), .init(2, "F4", 2, 1), .init(3, "F6_E2M3", 4, 3), .init(4, "F6_E3M2", 4, 3),
        .init(5, "U8", 1, 1), .init(6, "I8", 1, 1), .init(7, "F8_E5M2", 1, 1), .init(8, "F8_E4M3", 1, 1),
        .init(9, "F8_E8M0", 1, 1), .init(10, "F8_E4M3FNUZ", 1, 1), .init(11, "F8_E5M2FNUZ", 1, 1), .init(12, "I16", 1, 2),
        .init(13, "U16", 1, 2), .init(14, "F16", 1, 2), .init(15, "BF16", 1, 2), .init(16, "I32", 1, 4),
        .init(17, "U32", 1, 4), .init(18, "F32", 1, 4), .init(19, "C64", 1, 8), .init(20, "F64", 1, 8),
        .init(21, "I64", 1, 8), .init(22, "U64", 1, 8),
    ]

    /// By id; entries without a name are unknown.
    private static let forms: [Form] =
        (safetensorsForms + ggmlForms).reduce(into: Array(repeating: Form(0, "", 1, 1), count: 256)) { $0[Int($1.id)] = $1 }

    /// The type with this directory id, or nil where there is none. O(1).
    public static func withID(_ id: UInt8) -> DType? { forms[Int(id)].name.isEmpty ? nil : DType(id: id) }
}
