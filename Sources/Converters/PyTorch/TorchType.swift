internal import QAMFormat

/// An element type of PyTorch.
struct TorchType: Hashable, Sendable {
    /// The type's place in the table: a byte, because pickles hold many values.
    private let index: UInt8

    private struct Form {
        /// PyTorch's name.
        var name: String
        var byteCount: Int
        /// Nil for a type that raw tensors cannot have here.
        var dtype: DType?
        /// The name of its storage class; nil for newer types, which have none.
        var storage: String?

        init(_ name: String, _ byteCount: Int, _ dtype: DType?, _ storage: String? = nil) {
            self.name = name
            self.byteCount = byteCount
            self.dtype = dtype
            self.storage = storage
        }
    }

    private static let forms = [
        Form("float64", 8, .f64, "DoubleStorage"), Form("float32", 4, .f32, "FloatStorage"), Form("float16", 2, .f16, "HalfStorage"),
        Form("bfloat16", 2, .bf16, "BFloat16Storage"), Form("float8_e4m3fn", 1, .f8e4m3), Form("float8_e5m2", 1, .f8e5m2),
        Form("float8_e4m3fnuz", 1, .f8e4m3fnuz), Form("float8_e5m2fnuz", 1, .f8e5m2fnuz), Form("float8_e8m0fnu", 1, .f8e8m0),
        // Two numbers of four bits, which PyTorch counts as one element.
        Form("float4_e2m1fn_x2", 1, nil),
        Form("bool", 1, .bool, "BoolStorage"), Form("uint8", 1, .u8, "ByteStorage"), Form("int8", 1, .i8, "CharStorage"), Form("uint16", 2, .u16),
        Form("int16", 2, .i16, "ShortStorage"), Form("uint32", 4, .u32), Form("int32", 4, .i32, "IntStorage"), Form("uint64", 8, .u64),
        Form("int64", 8, .i64, "LongStorage"), Form("complex32", 4, nil), Form("complex64", 8, .c64, "ComplexFloatStorage"),
        Form("complex128", 16, nil, "ComplexDoubleStorage"),
    ]

    private init?(_ isWanted: (Form) -> Bool) {
        guard let index = Self.forms.firstIndex(where: isWanted) else { return nil }
        self.index = UInt8(index)
    }

    /// The type `torch.NAME`.
    init?(named name: String) { self.init { $0.name == name } }

    /// The type of the storage class `torch.NAME`.
    init?(ofStorage name: String) { self.init { $0.storage == name } }

    /// PyTorch's name, such as `bfloat16`.
    var name: String { Self.forms[Int(index)].name }
    /// The bytes of an element.
    var byteCount: Int { Self.forms[Int(index)].byteCount }
    var dtype: DType? { Self.forms[Int(index)].dtype }
}
