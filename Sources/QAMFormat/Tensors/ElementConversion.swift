/// Conversion of raw tensor elements to numbers and back, for every type of safetensors and ggml.
///
/// Decoding is exact if the result type can represent the value, and rounds to nearest even otherwise (integers and F64 to Float). BOOL
/// gives 0 or 1; C64 gives two values per element, the real part first. ggml's block types give bit-identical results to ggml.
public enum ElementConversion {
    /// The values of elements, as Float. O(elements).
    ///
    /// - Throws: `QAMError.unsupported` for a type without numeric values, `QAMError.invalidArgument` if the bytes are not whole blocks.
    public static func floats(_ bytes: [UInt8], as dtype: DType) throws -> [Float] {
        try GGMLBlocks.floats(bytes, as: dtype) ?? values(bytes, as: dtype)
    }

    /// The values of elements, as Double. O(elements).
    ///
    /// - Throws: as `floats`.
    public static func doubles(_ bytes: [UInt8], as dtype: DType) throws -> [Double] {
        try GGMLBlocks.floats(bytes, as: dtype)?.map { Double($0) } ?? values(bytes, as: dtype)
    }

    private static func values<Value: ElementValue>(_ bytes: [UInt8], as dtype: DType) throws -> [Value] {
        guard bytes.count % dtype.blockBytes == 0 else {
            throw QAMError(.invalidArgument, "\(bytes.count) bytes are not a whole number of \(dtype.name) elements")
        }
        switch dtype {
        case .f32, .c64: return map(bytes) { (bits: UInt32) in Value(Float(bitPattern: bits)) }
        case .f16: return map(bytes) { (bits: UInt16) in Value(Half.float(from: bits)) }
        case .bf16: return map(bytes) { (bits: UInt16) in Value(BrainFloat.float(from: bits)) }
        case .f64: return map(bytes) { (bits: UInt64) in Value(Double(bitPattern: bits)) }
        case .bool: return map(bytes) { (bits: UInt8) in Value(Int64(bits == 0 ? 0 : 1)) }
        case .u8: return map(bytes) { (bits: UInt8) in Value(Int64(bits)) }
        case .i8: return map(bytes) { (bits: Int8) in Value(Int64(bits)) }
        case .u16: return map(bytes) { (bits: UInt16) in Value(Int64(bits)) }
        case .i16: return map(bytes) { (bits: Int16) in Value(Int64(bits)) }
        case .u32: return map(bytes) { (bits: UInt32) in Value(Int64(bits)) }
        case .i32: return map(bytes) { (bits: Int32) in Value(Int64(bits)) }
        case .u64: return map(bytes) { (bits: UInt64) in Value(bits) }
        case .i64: return map(bytes) { (bits: Int64) in Value(bits) }
        case .f8e5m2: return look(bytes, up: SmallFloat.e5m2)
        case .f8e4m3: return look(bytes, up: SmallFloat.e4m3)
        case .f8e5m2fnuz: return look(bytes, up: SmallFloat.e5m2fnuz)
        case .f8e4m3fnuz: return look(bytes, up: SmallFloat.e4m3fnuz)
        case .f8e8m0: return look(bytes, up: SmallFloat.e8m0)
        case .f4: return unpack(bytes, table: SmallFloat.e2m1, bits: 4)
        case .f6e2m3: return unpack(bytes, table: SmallFloat.e2m3, bits: 6)
        case .f6e3m2: return unpack(bytes, table: SmallFloat.e3m2, bits: 6)
        default: throw QAMError(.unsupported, "\(dtype.name) elements have no numeric values")
        }
    }

    @inline(__always)
    private static func map<Bits: FixedWidthInteger & BitwiseCopyable, Value>(
        _ bytes: [UInt8], _ convert: (Bits) -> Value
    ) -> [Value] {
        let size = MemoryLayout<Bits>.size, count = bytes.count / size
        return unsafe [Value](unsafeUninitializedCapacity: count) { values, initialized in
            unsafe bytes.withUnsafeBytes { bytes in
                for i in 0..<count {
                    let bits = unsafe Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: i &* size, as: Bits.self))
                    unsafe values.initializeElement(at: i, to: convert(bits))
                }
            }
            initialized = count
        }
    }

    private static func look<Value: ElementValue>(_ bytes: [UInt8], up table: [Float]) -> [Value] {
        bytes.map { Value(table[Int($0)]) }
    }

    /// Elements of 4 or 6 bits, packed least significant bit first.
    private static func unpack<Value: ElementValue>(_ bytes: [UInt8], table: [Float], bits: Int) -> [Value] {
        (0..<bytes.count * 8 / bits).map { i in
            let bit = i * bits, byte = bit / 8
            let pair = UInt16(bytes[byte]) | UInt16(byte + 1 < bytes.count ? bytes[byte + 1] : 0) << 8
            return Value(table[Int(pair >> (bit % 8)) & (1 << bits - 1)])
        }
    }
}

/// The types that elements decode to.
private protocol ElementValue {
    init(_ value: Float)
    init(_ value: Double)
    init(_ value: Int64)
    init(_ value: UInt64)
}

extension Float: ElementValue {}
extension Double: ElementValue {}
