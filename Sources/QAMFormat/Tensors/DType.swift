/// How the elements of a raw tensor are stored. Element counts and bytes go by blocks, so that sub-byte
/// types and block-quantized types fit: `elements / blockElements * blockBytes` bytes.
///
/// The ids are those of the .qamw directory (spec section 6.3); ids from 64 on are 64 + the ggml type id.
public struct DType: Hashable, Sendable {
    public let id: UInt8
    /// The name that safetensors or ggml gives it.
    public let name: String
    public let blockElements: Int
    public let blockBytes: Int

    package init(_ id: UInt8, _ name: String, _ blockElements: Int, _ blockBytes: Int) {
        self.id = id
        self.name = name
        self.blockElements = blockElements
        self.blockBytes = blockBytes
    }

    /// The bytes that `elements` elements take, or nil where they fill no whole number of blocks or overflow.
    public func byteCount(elements: Int) -> Int? {
        guard elements >= 0, elements % blockElements == 0 else { return nil }
        let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
        return overflow ? nil : bytes
    }
}

extension DType {
    public static let bool = DType(1, "BOOL", 1, 1)
    public static let f4 = DType(2, "F4", 2, 1)
    public static let f6e2m3 = DType(3, "F6_E2M3", 4, 3)
    public static let f6e3m2 = DType(4, "F6_E3M2", 4, 3)
    public static let u8 = DType(5, "U8", 1, 1)
    public static let i8 = DType(6, "I8", 1, 1)
    public static let f8e5m2 = DType(7, "F8_E5M2", 1, 1)
    public static let f8e4m3 = DType(8, "F8_E4M3", 1, 1)
    public static let f8e8m0 = DType(9, "F8_E8M0", 1, 1)
    public static let f8e4m3fnuz = DType(10, "F8_E4M3FNUZ", 1, 1)
    public static let f8e5m2fnuz = DType(11, "F8_E5M2FNUZ", 1, 1)
    public static let i16 = DType(12, "I16", 1, 2)
    public static let u16 = DType(13, "U16", 1, 2)
    public static let f16 = DType(14, "F16", 1, 2)
    public static let bf16 = DType(15, "BF16", 1, 2)
    public static let i32 = DType(16, "I32", 1, 4)
    public static let u32 = DType(17, "U32", 1, 4)
    public static let f32 = DType(18, "F32", 1, 4)
    public static let c64 = DType(19, "C64", 1, 8)
    public static let f64 = DType(20, "F64", 1, 8)
    public static let i64 = DType(21, "I64", 1, 8)
    public static let u64 = DType(22, "U64", 1, 8)

    /// All types that safetensors names, in id order.
    public static let safetensors: [DType] = [
        .bool, .f4, .f6e2m3, .f6e3m2, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz,
        .i16, .u16, .f16, .bf16, .i32, .u32, .f32, .c64, .f64, .i64, .u64,
    ]

    /// The floating-point types that can be quantized, cast and multiplied.
    public static let floating: Set<DType> = [
        .f64, .f32, .f16, .bf16, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz,
    ]

    private static let byID: [UInt8: DType] = Dictionary(uniqueKeysWithValues: (safetensors + ggml).map { ($0.id, $0) })

    /// The type with this directory id, or nil where there is none.
    public static func withID(_ id: UInt8) -> DType? { byID[id] }
}
