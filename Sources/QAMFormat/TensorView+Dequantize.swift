/// Streaming dequantization.
extension TensorView {
    /// The maximum number of stored bytes read and decoded at a time, unless a row is longer: those of a chunk.
    private static let pieceBytes = SectionExtent.chunkSize

    /// Writes the weights of rows, row-major, to the first `rows.count * columns` elements of the caller's memory.
    ///
    /// Coded rows are decoded, raw ones converted (exactly, or to nearest even if Float cannot represent the value). Works in pieces: memory beyond the
    /// caller's is bounded, and before each piece the system gets a hint of what comes next, even beyond the requested rows, so that consecutive calls stream.
    /// The result does not depend on how a tensor is split into calls.
    ///
    /// O(rows * columns), times log2(block size) for coded tensors. Throws also `invalidArgument` if `weights` is too small, `unsupported` for an unknown codec
    /// or complex elements, `malformed` for invalid gains or channel scales; the contents of `weights` are then undefined.
    public func dequantize(rows: Range<Int>, into weights: inout MutableSpan<Float>) throws {
        let rows = try checked(rows)
        guard weights.count >= rows.count * columns else {
            throw error(.invalidArgument, "\(rows.count) rows of \(columns) weights do not fit \(weights.count)")
        }
        guard !rows.isEmpty, columns > 0 else { return }
        do {
            switch descriptor.storage {
            case .coded(let coding): try decode(rows, coding, into: &weights)
            case .raw(let dtype): try convert(rows, dtype, into: &weights)
            case .alias: throw error(.malformed, "an alias of an alias")
            case .unreadable: try requireReadable()
            }
        } catch var error as QAMError {
            error.place.tensor = error.place.tensor ?? name
            throw error.inFile(file.bytes.name)
        }
    }

    /// The weights of rows, of all rows if none are named, as an array. Throws as `dequantize(rows:into:)`.
    public func floats(rows: Range<Int>? = nil) throws -> [Float] {
        let rows = try checked(rows ?? 0..<self.rows)
        var weights = [Float](repeating: 0, count: rows.count * columns)
        var span = weights.mutableSpan
        try dequantize(rows: rows, into: &span)
        return weights
    }

    /// The weights of rows as elements of a type in `ElementConversion.encodable`, row-major and little-endian, written to the beginning of the caller's
    /// memory. Works in pieces of about 1 MiB of Floats. Throws as the other method, and `unsupported` for another type.
    public func dequantize(rows: Range<Int>, as dtype: DType, into bytes: inout MutableRawSpan) throws {
        let rows = try checked(rows)
        guard let needed = dtype.byteCount(elements: rows.count * columns), bytes.byteCount >= needed else {
            throw error(.invalidArgument, "\(rows.count) rows of \(columns) weights do not fit \(bytes.byteCount) bytes of \(dtype.name)")
        }
        guard columns > 0 else { return }
        var end = 0
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.pieceBytes / 4 / columns + 1) {
            let piece = start..<min(start + Self.pieceBytes / 4 / columns + 1, rows.upperBound)
            let weights = try floats(rows: piece)
            // Both round identically, but the kernels keep more bits of NaNs, which a raw tensor may contain.
            if case .coded = descriptor.storage, Kernels.chosen.elements(weights.span, as: dtype, into: &bytes, at: end) {
                end += dtype.byteCount(elements: weights.count) ?? 0
                continue
            }
            let elements = try ElementConversion.bytes(weights, as: dtype)
            unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[end...]).copyBytes(from: elements)
            }
            end += elements.count
        }
    }

    private func decode(_ rows: Range<Int>, _ coding: Coding, into weights: inout MutableSpan<Float>) throws {
        let decoder = try decoder
        guard case .perRows(let group, let symbolBytes)? = coding.streams.first(where: { $0.role == .symbols })?.extent, symbolBytes > 0 else {
            throw error(.unsupported, "the tensor has no symbols")
        }
        let step = (Self.pieceBytes / symbolBytes + 1) * group
        var start = rows.lowerBound
        while start < rows.upperBound {
            // Pieces end with the last group of rows that ends in a chunk, so that verified bytes are used immediately.
            let chunkEnd = alignUp((start / group + 1) * symbolBytes, to: Self.pieceBytes)
            let end = min(chunkEnd / symbolBytes * group, rows.upperBound)
            // Once per chunk, however small the requested ranges are.
            if start / group * symbolBytes <= chunkEnd - Self.pieceBytes { willNeed(coding, end..<min(end + step, self.rows)) }
            try withRows(start..<end) { symbols, gains in
                try decoder.decode(
                    symbols: symbols, gains: gains, rows: end - start, after: start % group, into: &weights, at: (start - rows.lowerBound) * columns)
            }
            start = end
        }
    }

    private func willNeed(_ coding: Coding, _ rows: Range<Int>) {
        for (number, stream) in coding.streams.enumerated() {
            if let bytes = stream.bytes(of: rows) { file.payload.willNeed(extent(number), bytes) }
        }
    }

    private func convert(_ rows: Range<Int>, _ dtype: DType, into weights: inout MutableSpan<Float>) throws {
        guard dtype != .c64 else { throw error(.unsupported, "complex elements are not single numbers") }
        // Elements from first to end; with F4 and F6 they may begin inside a block.
        let first = rows.lowerBound * columns, end = rows.upperBound * columns
        let isCompressed = file.directory.form(of: place).compression != .none
        var start = first
        while start < end {
            let block = start / dtype.blockElements
            let chunkEnd = alignUp((block + 1) * dtype.blockBytes, to: Self.pieceBytes)
            let next = min(chunkEnd / dtype.blockBytes * dtype.blockElements, end)
            let blockEnd = (next + dtype.blockElements - 1) / dtype.blockElements
            let range = block * dtype.blockBytes..<blockEnd * dtype.blockBytes
            if !isCompressed, range.lowerBound <= chunkEnd - Self.pieceBytes {
                file.payload.willNeed(extent(0), chunkEnd..<chunkEnd + Self.pieceBytes)
            }
            try withBytes(range) { bytes in
                if start == block * dtype.blockElements, next == blockEnd * dtype.blockElements {
                    try ElementConversion.floats(bytes, as: dtype, into: &weights, at: start - first)
                } else {
                    let values = try ElementConversion.floats(unsafe bytes.withUnsafeBytes { unsafe Array($0) }, as: dtype)
                    for element in start..<next { weights[element - first] = values[element - block * dtype.blockElements] }
                }
            }
            start = next
        }
    }
}
