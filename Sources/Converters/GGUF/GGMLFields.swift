internal import QAMFormat

/// The multi-byte numbers inside a block of a tensor type: those that are byte-swapped in a big-endian file, and those that must be finite
/// in a valid block.
struct GGMLFields {
    struct Field {
        /// From the start of the block.
        var offset: Int
        /// Bytes per number: 2, 4 or 8.
        var width: Int
        var count = 1
        /// The exponent's mask, all of whose bits are set in infinities and NaNs; nil for integers.
        var exponent: UInt64?
    }

    let blockBytes: Int
    let fields: [Field]

    /// Nil for types that consist of single bytes.
    init?(_ dtype: DType) {
        guard let fields = Self.table[dtype] else { return nil }
        blockBytes = dtype.blockBytes
        self.fields = fields
    }

    private static func half(_ offset: Int, count: Int = 1) -> Field { Field(offset: offset, width: 2, count: count, exponent: 0x7C00) }
    private static func bits(_ offset: Int, count: Int) -> Field { Field(offset: offset, width: 2, count: count) }

    private static let table: [DType: [Field]] = {
        var table: [DType: [Field]] = [
            .f16: [half(0)], .bf16: [Field(offset: 0, width: 2, exponent: 0x7F80)], .f32: [Field(offset: 0, width: 4, exponent: 0x7F80_0000)],
            .f64: [Field(offset: 0, width: 8, exponent: 0x7FF0_0000_0000_0000)],
            .i16: [bits(0, count: 1)], .i32: [Field(offset: 0, width: 4)], .i64: [Field(offset: 0, width: 8)],
        ]
        // From the structures of ggml-common.h.
        let blocks: [String: [Field]] = [
            "Q4_0": [half(0)], "Q4_1": [half(0, count: 2)], "Q5_0": [half(0)], "Q5_1": [half(0, count: 2)], "Q8_0": [half(0)],
            "Q8_1": [half(0, count: 2)], "Q2_K": [half(80, count: 2)], "Q3_K": [half(108)], "Q4_K": [half(0, count: 2)],
            "Q5_K": [half(0, count: 2)], "Q6_K": [half(208)],
            "Q8_K": [Field(offset: 0, width: 4, exponent: 0x7F80_0000), bits(260, count: 16)],
            "IQ2_XXS": [half(0), bits(2, count: 32)], "IQ2_XS": [half(0), bits(2, count: 32)], "IQ2_S": [half(0)],
            "IQ3_XXS": [half(0)], "IQ3_S": [half(0)], "IQ1_S": [half(0), bits(34, count: 8)], "IQ4_NL": [half(0)],
            "IQ4_XS": [half(0), bits(2, count: 1)], "TQ1_0": [half(52)], "TQ2_0": [half(64)], "Q1_0": [half(0)], "Q2_0": [half(0)],
        ]
        for dtype in DType.ggml { table[dtype] = blocks[dtype.name] }
        return table
    }()
}

extension GGMLFields {
    /// Swaps the bytes of every number. `bytes` must be whole blocks. O(bytes).
    func swapBytes(_ bytes: inout [UInt8]) {
        for field in fields {
            switch field.width {
            case 2: swap(&bytes, field, UInt16.self)
            case 4: swap(&bytes, field, UInt32.self)
            default: swap(&bytes, field, UInt64.self)
            }
        }
    }

    @inline(__always)
    private func swap<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: inout [UInt8], _ field: Field, _ type: T.Type) {
        let size = MemoryLayout<T>.size
        unsafe bytes.withUnsafeMutableBytes { bytes in
            for block in stride(from: field.offset, through: bytes.count - size, by: blockBytes) {
                for number in 0..<field.count {
                    let offset = block &+ number &* size
                    let stored = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
                    unsafe bytes.storeBytes(of: stored.byteSwapped, toByteOffset: offset, as: T.self)
                }
            }
        }
    }
}
