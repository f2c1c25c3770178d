internal import QAMFormat

/// Counts NaNs and infinities in plain tensors and in scales of blocks.
enum GGMLFiniteness {
    /// The number of NaNs and infinities in whole blocks; 0 for types that have none. O(bytes).
    static func nonFiniteCount(_ bytes: [UInt8], of dtype: DType) -> Int {
        switch dtype.name {
        // The scale is a power of two: 255 means NaN.
        case "MXFP4": return stride(from: 0, to: bytes.count, by: dtype.blockBytes).count { bytes[$0] == 0xFF }
        case "IQ1_M": return stride(from: 0, to: bytes.count, by: dtype.blockBytes).count { !isFiniteIQ1M(bytes, at: $0 + 48) }
        default: break
        }
        guard let layout = GGMLFields(dtype) else { return 0 }
        return layout.fields.reduce(0) { sum, field in
            guard let exponent = field.exponent else { return sum }
            return switch field.width {
            case 2: sum + count(bytes, field, layout.blockBytes, UInt16(truncatingIfNeeded: exponent))
            case 4: sum + count(bytes, field, layout.blockBytes, UInt32(truncatingIfNeeded: exponent))
            default: sum + count(bytes, field, layout.blockBytes, exponent)
            }
        }
    }

    @inline(__always)
    private static func count<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ bytes: [UInt8], _ field: GGMLFields.Field, _ blockBytes: Int, _ exponent: T
    ) -> Int {
        let size = MemoryLayout<T>.size
        var result = 0
        unsafe bytes.withUnsafeBytes { bytes in
            if blockBytes == size {
                // Plain elements: a loop that the compiler can vectorise.
                for index in 0..<bytes.count / size {
                    let stored = T(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index &* size, as: T.self))
                    result &+= stored & exponent == exponent ? 1 : 0
                }
                return
            }
            for block in stride(from: field.offset, through: bytes.count - size, by: blockBytes) {
                for number in 0..<field.count {
                    let stored = T(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: block &+ number &* size, as: T.self))
                    result &+= stored & exponent == exponent ? 1 : 0
                }
            }
        }
        return result
    }

    /// The scale of an IQ1_M block is a float16 made of the upper nibbles of four 16-bit words.
    private static func isFiniteIQ1M(_ bytes: [UInt8], at offset: Int) -> Bool {
        let nibbles = (0..<4).map { UInt16(bytes[offset + 2 * $0 + 1] >> 4) << (4 * UInt16($0)) }
        return nibbles.reduce(0, |) & 0x7C00 != 0x7C00
    }
}
