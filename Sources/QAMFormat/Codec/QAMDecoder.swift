/// Decodes the rows of one tensor of the pair codec, bit for bit as spec section 8.5 says. Any symbol bytes decode.
struct QAMDecoder: TensorDecoder {
    let codebook: Codebook
    let rotation: Rotation
    let gainType: GainType
    let channelScales: [Float]?

    /// O(weights * log2(block size)).
    func decode(_ chunk: TensorChunk, rows: Int) throws -> [Float] {
        let columns = rotation.columns
        let parameters = QAMParameters(
            family: codebook.family, rate: codebook.rate, blockSize: rotation.blockSize, gainType: gainType)
        let symbolBytes = parameters.symbolBytes(columns: columns)
        guard chunk.streams.count >= 2 else { throw QAMError(.invalidArgument, "symbols or gains are missing") }
        let symbols = chunk.streams[0], gains = chunk.streams[1]
        guard symbols.count == rows * symbolBytes, gains.count == rows * gainType.byteCount else {
            throw QAMError(.invalidArgument, "the streams do not hold \(rows) rows of \(columns) weights")
        }
        var weights = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            let gain = gainType.gain(row, in: gains)
            guard gain.isFinite, gain.sign == .plus else {
                throw QAMError(.malformed, "gain of row \(row) of the chunk is negative or not finite")
            }
            let place = row * columns..<(row + 1) * columns
            Kernels.decode(
                symbols.span.extracting(row * symbolBytes..<(row + 1) * symbolBytes), with: codebook, into: &weights, at: place)
            finish(&weights, at: place, gain: gain)
        }
        return weights
    }

    /// From codewords to weights: the rotation back, the gain, the channel scales.
    func finish(_ y: inout [Float], at place: Range<Int>, gain: Float) {
        let scaledGain = codebook.family == .octant ? gain * codebook.step : gain
        Kernels.rotateBack(&y, at: place, by: rotation, factor: scaledGain * rotation.scale)
        if let channelScales { Kernels.divide(&y, at: place, by: channelScales) }
    }
}
