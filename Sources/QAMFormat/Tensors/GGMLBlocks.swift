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

    /// The block types that are encoded by a search of scales and minima.
    static let searched: Set<DType> = Set(
        DType.ggml.filter { dtype in dtype.ggmlBlockID.map { unsafe type($0).from_floats != nil } ?? false })

    /// The least magnitude that the scales of all searched types cannot be trusted with: what float16 can hold is below.
    private static let limit: Float = 65504

    /// Blocks of a type in `searched` with little squared error.
    ///
    /// - Parameters:
    ///   - weights: the weight of each column's squared error, of whole rows; nil counts all equally.
    ///   - column: the column of the first value.
    /// - Throws: `QAMError.unsupported` for values that are not finite or too large, `invalidArgument` for parts of blocks.
    static func blocks(_ values: [Float], as dtype: DType, weights: ColumnWeights? = nil, column: Int = 0) throws -> [UInt8] {
        let count = values.count / dtype.blockElements, row = weights?.values.count ?? 0
        guard values.count % dtype.blockElements == 0, column % dtype.blockElements == 0, row % dtype.blockElements == 0,
            let id = dtype.ggmlBlockID, let encode = unsafe type(id).from_floats
        else {
            throw QAMError(.invalidArgument, "\(values.count) values from column \(column) on are not a whole number of \(dtype.name) blocks")
        }
        if let value = values.first(where: { !($0.magnitude < limit) }) {
            throw QAMError(
                .unsupported,
                "the value \(value) cannot be stored as \(dtype.name), which takes finite numbers below \(Int(limit)); choose f32 or bf16, or repair the model")
        }
        return unsafe [UInt8](unsafeUninitializedCapacity: count * dtype.blockBytes) { bytes, initialized in
            if count > 0, let start = bytes.baseAddress {
                if let weights {
                    unsafe encode(values, count, weights.values, row, column, start)
                } else {
                    unsafe encode(values, count, nil, 0, 0, start)
                }
            }
            initialized = count * dtype.blockBytes
        }
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
