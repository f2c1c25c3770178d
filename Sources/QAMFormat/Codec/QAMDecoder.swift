/// Decodes the rows of one tensor of the pair codec, bit for bit as spec section 8.5 says. Any symbol bytes decode.
struct QAMDecoder: TensorDecoder {
    let codebook: Codebook
    let rotation: Rotation
    let gainType: GainType
    let channelScales: [Float]?

    func decode(_ chunk: TensorChunk, rows: Int) throws -> [Float] {
        guard chunk.streams.count >= 2 else { throw QAMError(.invalidArgument, "symbols or gains are missing") }
        let symbols = chunk.streams[0], gains = chunk.streams[1]
        var weights = [Float](repeating: 0, count: rows * rotation.columns)
        var span = weights.mutableSpan
        try unsafe decode(symbols: symbols.span.bytes, gains: gains.span.bytes, rows: rows, into: &span, at: 0)
        return weights
    }

    /// O(weights * log2(block size)).
    func decode(symbols: RawSpan, gains: RawSpan, rows: Int, into weights: inout MutableSpan<Float>, at start: Int) throws {
        let columns = rotation.columns
        let parameters = QAMParameters(
            family: codebook.family, rate: codebook.rate, blockSize: rotation.blockSize, gainType: gainType)
        let symbolBytes = parameters.symbolBytes(columns: columns)
        guard symbols.byteCount == rows * symbolBytes, gains.byteCount == rows * gainType.byteCount else {
            throw QAMError(.invalidArgument, "the streams do not hold \(rows) rows of \(columns) weights")
        }
        guard start >= 0, start + rows * columns <= weights.count else {
            throw QAMError(.invalidArgument, "there is no room for \(rows) rows of \(columns) weights")
        }
        let codes = Span<UInt8>(_bytes: symbols)
        var decoded = [Float](repeating: 0, count: columns)
        for row in 0..<rows {
            let gain = gainType.gain(row, in: gains)
            guard gain.isFinite, gain.sign == .plus else {
                throw QAMError(.malformed, "gain of row \(row) of the chunk is negative or not finite")
            }
            Kernels.decode(
                codes.extracting(row * symbolBytes..<(row + 1) * symbolBytes), with: codebook, into: &decoded, at: 0..<columns)
            finish(&decoded, at: 0..<columns, gain: gain)
            unsafe weights.withUnsafeMutableBufferPointer { weights in
                _ = unsafe UnsafeMutableBufferPointer(rebasing: weights[(start + row * columns)...]).update(from: decoded)
            }
        }
    }

    /// From codewords to weights: the rotation back, the gain, the channel scales.
    func finish(_ y: inout [Float], at place: Range<Int>, gain: Float) {
        let scaledGain = codebook.family == .octant ? gain * codebook.step : gain
        Kernels.rotateBack(&y, at: place, by: rotation, factor: scaledGain * rotation.scale)
        if let channelScales { Kernels.divide(&y, at: place, by: channelScales) }
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
