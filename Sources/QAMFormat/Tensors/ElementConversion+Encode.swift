extension ElementConversion {
    /// The types that values can be encoded to: plain ones, Q8_0, and those block types of ggml whose scales are searched.
    public static let encodable: Set<DType> = GGMLBlocks.searched.union([.f64, .f32, .f16, .bf16, .q8_0])

    /// Encodes values: rounds to nearest even, overflows to infinity, propagates NaNs. O(values).
    ///
    /// Block types require rows of whole blocks. Q8_0 matches ggml's reference quantizer: 32 values share a scale, and a non-finite
    /// one makes all 32 NaN. The other block types are encoded with little squared error, and refuse such values.
    ///
    /// - Throws: `QAMError.unsupported` for a type that is not in `encodable` and values that it cannot store, `QAMError.invalidArgument` if
    ///   the values are not whole blocks.
    public static func bytes(_ values: [Float], as dtype: DType) throws -> [UInt8] {
        switch dtype {
        case .f32: bytes(values) { $0.bitPattern }
        case .f16: bytes(values) { Half.bits(of: $0) }
        case .bf16: bytes(values) { BrainFloat.bits(of: $0) }
        case .f64: bytes(values) { Double($0).bitPattern }
        case .q8_0: try GGMLBlocks.q8Blocks(values)
        case _ where GGMLBlocks.searched.contains(dtype): try GGMLBlocks.blocks(values, as: dtype)
        default: throw QAMError(.unsupported, "values cannot be encoded as \(dtype.name)")
        }
    }

    /// Encodes values with a single rounding, directly from Double. (Block types go through Float.) O(values).
    ///
    /// - Throws: as for Float.
    public static func bytes(_ values: [Double], as dtype: DType) throws -> [UInt8] {
        switch dtype {
        case .f32: bytes(values) { Float($0).bitPattern }
        case .f16: bytes(values) { Half.bits(of: roundedToOdd($0)) }
        case .bf16: bytes(values) { BrainFloat.bits(of: roundedToOdd($0)) }
        case .f64: bytes(values) { $0.bitPattern }
        case .q8_0: try GGMLBlocks.q8Blocks(values.map { Float($0) })
        case _ where GGMLBlocks.searched.contains(dtype): try GGMLBlocks.blocks(values.map { Float($0) }, as: dtype)
        default: throw QAMError(.unsupported, "values cannot be encoded as \(dtype.name)")
        }
    }

    /// The number of finite values that overflow in `dtype`, a type of `encodable`.
    package static func overflows(_ values: [Float], as dtype: DType) -> Int {
        let limit = Float(overflowLimit(dtype))
        guard limit.isFinite else { return 0 }
        // Magnitudes compare as integers do. Short runs are counted in as few bits as the values have, so that the loop vectorises.
        let least = Int32(bitPattern: limit.bitPattern), infinity = Int32(bitPattern: Float.infinity.bitPattern), run = 1 << 16
        var total = 0
        for start in stride(from: 0, to: values.count, by: run) {
            var count: Int32 = 0
            for value in values[start..<min(start + run, values.count)] {
                let magnitude = Int32(bitPattern: value.magnitude.bitPattern)
                count &+= (magnitude >= least ? 1 : 0) & (magnitude < infinity ? 1 : 0)
            }
            total += Int(count)
        }
        return total
    }

    /// The number of finite values that overflow in `dtype`, a type of `encodable`.
    package static func overflows(_ values: [Double], as dtype: DType) -> Int {
        let limit = overflowLimit(dtype)
        guard limit.isFinite else { return 0 }
        var count = 0
        for value in values where value.magnitude >= limit && value.isFinite { count += 1 }
        return count
    }

    /// The least magnitude that overflows in a type of `encodable`.
    private static func overflowLimit(_ dtype: DType) -> Double {
        switch dtype {
        case .f16: 65520
        case .bf16: 0x1.FFp127
        case .f32: 0x1.FFFFFFp127
        case .q8_0: 65520 * 127  // the scale is a 127th of the largest magnitude, in float16
        default: .infinity
        }
    }

    /// A Float rounded to odd, so that rounding it again to fewer bits gives the same result as rounding `value` directly.
    private static func roundedToOdd(_ value: Double) -> Float {
        let nearest = Float(value)
        guard Double(nearest) != value, !value.isNaN else { return nearest }
        let towardZero = Double(nearest).magnitude > value.magnitude ? nearest.bitPattern - 1 : nearest.bitPattern
        return Float(bitPattern: towardZero | 1)
    }

    @inline(__always)
    private static func bytes<Value, Bits: FixedWidthInteger & BitwiseCopyable>(
        _ values: [Value], _ convert: (Value) -> Bits
    ) -> [UInt8] {
        let size = MemoryLayout<Bits>.size
        return unsafe [UInt8](unsafeUninitializedCapacity: values.count * size) { bytes, initialized in
            let raw = UnsafeMutableRawBufferPointer(bytes)
            for i in values.indices {
                unsafe raw.storeBytes(of: convert(values[i]).littleEndian, toByteOffset: i &* size, as: Bits.self)
            }
            initialized = values.count * size
        }
    }
}
