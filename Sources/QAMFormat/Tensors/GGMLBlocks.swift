import CQAMKernels.Blocks

/// Safe wrappers for the C functions of ggml's block types; the only place that passes pointers to them.
enum GGMLBlocks {
    private static let functions = unsafe gb_functions_for(qam_features_allowed()).pointee

    private static func type(_ id: UInt32) -> gb_type { unsafe withUnsafePointer(to: functions) { unsafe gb_type_of($0, id) } }

    /// The number of values in `bytes` bytes of blocks; nil if `dtype` is not a ggml block type.
    static func valueCount(_ bytes: Int, as dtype: DType) throws -> Int? {
        guard let id = dtype.ggmlBlockID else { return nil }
        let type = type(id)
        // Redundant tables: a difference is a bug and traps.
        precondition(Int(type.elements) == dtype.blockElements && Int(type.bytes) == dtype.blockBytes)
        guard bytes % dtype.blockBytes == 0 else {
            throw QAMError(.invalidArgument, "\(bytes) bytes are not a whole number of \(dtype.name) blocks")
        }
        return bytes / dtype.blockBytes * dtype.blockElements
    }

    /// The values of whole blocks, bit-identical to ggml's `to_float`; nil if `dtype` is not a ggml block type.
    static func floats(_ bytes: [UInt8], as dtype: DType) throws -> [Float]? {
        guard let count = try valueCount(bytes.count, as: dtype) else { return nil }
        return unsafe [Float](unsafeUninitializedCapacity: count) { values, initialized in
            unsafe bytes.withUnsafeBytes { unsafe decode($0, as: dtype, into: UnsafeMutableBufferPointer(rebasing: values[..<count])) }
            initialized = count
        }
    }

    /// The same into the caller's memory, which has room from `start` on; `dtype` is a ggml block type.
    static func decode(_ bytes: RawSpan, as dtype: DType, into values: inout MutableSpan<Float>, at start: Int) {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe values.withUnsafeMutableBufferPointer {
                unsafe decode(bytes, as: dtype, into: UnsafeMutableBufferPointer(rebasing: $0[start...]))
            }
        }
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer, as dtype: DType, into values: UnsafeMutableBufferPointer<Float>) {
        let blocks = bytes.count / dtype.blockBytes
        precondition(values.count >= blocks * dtype.blockElements)
        guard blocks > 0, let id = dtype.ggmlBlockID else { return }
        let type = type(id)
        unsafe type.to_floats?(bytes.bindMemory(to: UInt8.self).baseAddress, blocks, values.baseAddress)
    }

    /// Q8_0 blocks, bit-identical to ggml's reference quantizer.
    ///
    /// A block with a NaN or an infinity becomes all NaN, because its scale is not finite.
    static func q8Blocks(_ values: [Float]) throws -> [UInt8] {
        let dtype = DType.q8_0
        guard values.count % dtype.blockElements == 0 else {
            throw QAMError(.invalidArgument, "\(values.count) values are not a whole number of \(dtype.name) blocks")
        }
        let blocks = values.count / dtype.blockElements
        return unsafe [UInt8](unsafeUninitializedCapacity: blocks * dtype.blockBytes) { bytes, initialized in
            if let start = bytes.baseAddress {
                unsafe functions.q8_0_from_floats(values, blocks, start)
            }
            initialized = blocks * dtype.blockBytes
        }
    }
}
