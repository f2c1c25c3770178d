/// Decodes the rows of one tensor of the pair codec, bit for bit as spec section 8.5 says. Any symbol bytes decode.
package struct QAMDecoder: TensorDecoder {
    package let tables: PairTables
    package let gainType: GainType

    package init(codebook: Codebook, rotation: Rotation, gainType: GainType, channelScales: [Float]?) {
        tables = PairTables(codebook: codebook, rotation: rotation, channelScales: channelScales)
        self.gainType = gainType
    }

    package func decode(_ chunk: TensorChunk, rows: Int) throws -> [Float] {
        guard chunk.streams.count >= 2 else { throw QAMError(.invalidArgument, "symbols or gains are missing") }
        let symbols = chunk.streams[0], gains = chunk.streams[1]
        var weights = [Float](repeating: 0, count: rows * tables.rotation.columns)
        var span = weights.mutableSpan
        try unsafe decode(symbols: symbols.span.bytes, gains: gains.span.bytes, rows: rows, into: &span, at: 0)
        return weights
    }

    /// O(weights * log2(block size)).
    package func decode(symbols: RawSpan, gains: RawSpan, rows: Int, into weights: inout MutableSpan<Float>, at start: Int) throws {
        let columns = tables.rotation.columns
        guard symbols.byteCount == rows * tables.symbolBytes, gains.byteCount == rows * gainType.byteCount else {
            throw QAMError(.invalidArgument, "the streams do not hold \(rows) rows of \(columns) weights")
        }
        guard start >= 0, start + rows * columns <= weights.count else {
            throw QAMError(.invalidArgument, "there is no room for \(rows) rows of \(columns) weights")
        }
        // The codewords of an octant code come in units of the step.
        let unit = tables.codebook.family == .octant ? tables.codebook.step : 1
        let factors = try self.gains(in: gains, rows: rows).map { $0 * unit }
        tables.kernels.dequantize(symbols, with: tables, factors: factors, into: &weights, at: start)
    }

    /// The gains of rows, checked. `bytes` holds at least that many.
    ///
    /// - Throws: `QAMError.malformed` for a gain that is negative or not finite.
    func gains(in bytes: RawSpan, rows: Int) throws -> [Float] {
        try (0..<rows).map { row in
            let gain = gainType.gain(row, in: bytes)
            guard gain.isFinite, gain.sign == .plus else {
                throw QAMError(.malformed, "gain of row \(row) of the chunk is negative or not finite")
            }
            return gain
        }
    }
}

extension GainType {
    /// The gain of one row. `bytes` holds at least `row + 1` gains.
    fileprivate func gain(_ row: Int, in bytes: RawSpan) -> Float {
        switch self {
        case .float16: unsafe Half.float(from: UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 2 * row, as: UInt16.self)))
        case .float32: unsafe Float(bitPattern: UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 4 * row, as: UInt32.self)))
        }
    }
}
