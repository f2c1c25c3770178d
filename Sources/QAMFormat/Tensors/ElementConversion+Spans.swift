extension ElementConversion {
    /// The values of elements as Float, into the caller's memory from index `start` on. Like `floats(_:as:)`, but without allocating for
    /// F32, F16, BF16 and ggml's block types. O(elements).
    ///
    /// - Throws: as `floats(_:as:)`, and `QAMError.invalidArgument` if the values do not fit.
    public static func floats(
        _ bytes: RawSpan, as dtype: DType, into values: inout MutableSpan<Float>, at start: Int = 0
    ) throws {
        switch dtype {
        case .f32: try map(bytes, into: &values, at: start) { (bits: UInt32) in Float(bitPattern: bits) }
        case .f16: try map(bytes, into: &values, at: start) { (bits: UInt16) in Half.float(from: bits) }
        case .bf16: try map(bytes, into: &values, at: start) { (bits: UInt16) in BrainFloat.float(from: bits) }
        default:
            if let count = try GGMLBlocks.valueCount(bytes.byteCount, as: dtype) {
                try checkRoom(for: count, in: values, at: start)
                return GGMLBlocks.decode(bytes, as: dtype, into: &values, at: start)
            }
            let converted = try floats(unsafe bytes.withUnsafeBytes { unsafe Array($0) }, as: dtype)
            try checkRoom(for: converted.count, in: values, at: start)
            for index in converted.indices { values[start + index] = converted[index] }
        }
    }

    @inline(__always)
    private static func map<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: RawSpan, into values: inout MutableSpan<Float>, at start: Int, _ convert: (Bits) -> Float
    ) throws {
        let size = MemoryLayout<Bits>.size, count = bytes.byteCount / size
        guard bytes.byteCount % size == 0 else {
            throw QAMError(.invalidArgument, "\(bytes.byteCount) bytes are not a whole number of elements of \(size)")
        }
        try checkRoom(for: count, in: values, at: start)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe values.withUnsafeMutableBufferPointer { values in
                for i in 0..<count {
                    unsafe values[start &+ i] = convert(Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: i &* size, as: Bits.self)))
                }
            }
        }
    }

    private static func checkRoom(for count: Int, in values: borrowing MutableSpan<Float>, at start: Int) throws {
        guard start >= 0, count <= values.count - start else {
            throw QAMError(.invalidArgument, "there is no room for \(count) values from \(start) on in \(values.count)")
        }
    }
}
