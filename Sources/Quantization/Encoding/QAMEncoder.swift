package import QAMFormat

/// Codes the rows of one tensor with the pair codec (spec section 8). The same rows give the same bytes, in any
/// grouping of rows and on any thread.
package struct QAMEncoder: Sendable {
    package let search: CodewordSearch
    package let rotation: Rotation
    package let gainType: GainType
    /// The stream of channel scales; empty where there are none.
    package let channelScaleBytes: [UInt8]
    package let refit: Bool
    /// The scales as a reader will see them: rounded to float16.
    let channelScales: [Float]?
    let tables: PairTables

    /// - Parameters:
    ///   - columns: the length of a row, which `blockSize`, a power of two from 2 to 2^15, divides.
    ///   - channelScales: a positive factor for each column, or nil.
    ///   - refit: whether each gain is fitted to the codewords by least squares, which costs nothing to store.
    /// - Throws: `QAMError.invalidArgument` where the parameters do not fit together.
    package init(
        _ search: CodewordSearch, columns: Int, blockSize: Int, seed: UInt64, gainType: GainType,
        channelScales: [Float]? = nil, refit: Bool = true, kernels: Kernels = .chosen
    ) throws {
        guard columns > 0, (2...32768).contains(blockSize), blockSize & (blockSize - 1) == 0, columns % blockSize == 0 else {
            throw QAMError(.invalidArgument, "blocks of \(blockSize) do not fit rows of \(columns)")
        }
        guard channelScales == nil || channelScales?.count == columns else {
            throw QAMError(.invalidArgument, "there must be one channel scale for each of \(columns) columns")
        }
        self.search = search
        self.rotation = Rotation(columns: columns, blockSize: blockSize, seed: seed)
        self.gainType = gainType
        self.refit = refit
        channelScaleBytes = try ChannelScales.bytes(channelScales ?? [])
        self.channelScales = channelScales == nil ? nil : try ChannelScales.parse(channelScaleBytes)
        tables = PairTables(codebook: search.codebook, rotation: rotation, channelScales: self.channelScales, kernels: kernels)
    }

    package var parameters: QAMParameters {
        QAMParameters(
            family: search.codebook.family, rate: search.codebook.rate, blockSize: rotation.blockSize, gainType: gainType)
    }

    /// The streams that `encode` fills: symbols, gains and, where there are scales, the empty place of the scales.
    package var streams: [StreamLayout] {
        parameters.streams(columns: rotation.columns, scaled: channelScales != nil)
    }

    /// Codes whole rows, given one after the other. As `encode(rows:firstRow:fill:)`.
    package func encode(_ weights: [Float], firstRow: Int = 0) throws -> TensorChunk {
        let columns = rotation.columns, rows = weights.count / columns
        precondition(weights.count == rows * columns)
        return try encode(rows: rows, firstRow: firstRow) { row, target in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
    }

    /// Codes whole rows.
    ///
    /// - Parameter fill: writes the weights of the row of this number, counted from 0.
    /// - Returns: the streams, and their squared error and energy in the domain of the weights.
    /// - Throws: `QAMError.malformed` for a row that is not finite or whose gain does not fit the gain type, its
    ///   message counts rows from `firstRow`; and what `fill` throws.
    package func encode(
        rows: Int, firstRow: Int = 0, fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        let symbolBytes = parameters.symbolBytes(columns: rotation.columns)
        var symbols = [UInt8](repeating: 0, count: rows * symbolBytes)
        var gains: [UInt8] = []
        gains.reserveCapacity(rows * gainType.byteCount)
        var distortion = Distortion()
        var scratch = Scratch(columns: rotation.columns)
        for row in 0..<rows {
            var span = scratch.z.mutableSpan
            try fill(row, &span)
            guard let rowDistortion = encode(&symbols, row * symbolBytes..<(row + 1) * symbolBytes, &gains, &scratch) else {
                throw unfit(row: firstRow + row)
            }
            distortion += rowDistortion
        }
        var streams = [symbols, gains]
        if channelScales != nil { streams.append([]) }
        return TensorChunk(streams: streams, distortion: distortion)
    }

    /// The error for a row that is not finite, or whose gain is not in the gain type.
    func unfit(row: Int) -> QAMError { QAMError(.malformed, "row \(row) is not finite or too large for \(gainType.name) gains") }

    /// The root mean square of a row, its gain before any refit.
    static func gain(sumOfSquares: Double, columns: Int) -> Float {
        Float((sumOfSquares / Double(columns)).squareRoot())
    }

    /// Scales a row of weights. Returns the sum of its squares before that, and the root mean square after: its gain before any refit.
    func scale(_ row: inout [Float]) -> (energy: Double, gain: Float) {
        let energy = tables.kernels.sumOfSquares(row.span)
        var sumOfSquares = energy
        if let channelScales {
            tables.kernels.multiply(&row, by: channelScales)
            sumOfSquares = tables.kernels.sumOfSquares(row.span)
        }
        return (energy, Self.gain(sumOfSquares: sumOfSquares, columns: rotation.columns))
    }

    /// The squared error of one row's weights by its symbols. `scratch` is overwritten.
    func squaredError(_ symbols: Span<UInt8>, gain: Float, weights: Span<Float>, scratch: inout [Float]) -> Double {
        let factor = search.codebook.family == .octant ? gain * search.codebook.step : gain
        var decoded = scratch.mutableSpan
        unsafe tables.kernels.dequantize(symbols.bytes, with: tables, factors: [factor], into: &decoded, at: 0)
        return tables.kernels.squaredDistance(weights, scratch)
    }

    private struct Scratch {
        /// The weights of the row that is coded, then what becomes of them.
        var z: [Float]
        var y: [Float]

        init(columns: Int) {
            z = Array(repeating: 0, count: columns)
            y = z
        }
    }

    /// Codes the row whose weights are in `scratch.z`; nil where its gain is not finite in the gain type.
    private func encode(
        _ symbols: inout [UInt8], _ place: Range<Int>, _ gains: inout [UInt8], _ scratch: inout Scratch
    ) -> Distortion? {
        // With channel scales the error is measured on the weights themselves.
        let weights = channelScales == nil ? [] : scratch.z
        let (energy, gain) = scale(&scratch.z)
        guard gain.isFinite, energy.isFinite else { return nil }
        guard gain > 0 else {
            // Symbols stay zero: a gain of zero decodes to zeros whatever they are.
            _ = gainType.append(0, to: &gains)
            return Distortion(error: energy, energy: energy)
        }

        tables.kernels.rotate(&scratch.z, by: rotation, inverseGain: 1 / Double(gain))
        tables.kernels.encode(scratch.z, with: search, into: &symbols, at: place)
        tables.kernels.decode(
            symbols.span.extracting(place), with: search.codebook, into: &scratch.y, at: 0..<rotation.columns)

        // The codewords of an octant code come in units of the step.
        let unit = search.codebook.family == .octant ? Double(search.codebook.step) : 1
        let sums = tables.kernels.innerProducts(scratch.z, scratch.y)
        let zy = sums.zy * unit, yy = sums.yy * unit * unit
        var fitted = gain
        if refit, yy > 0 {
            let g = Float(Double(gain) * zy / yy)
            if g >= gain / 2, g <= gain * 2 { fitted = g }
        }
        let stored = gainType.append(fitted, to: &gains)
        guard stored.isFinite else { return nil }

        if channelScales == nil {
            // The rotation keeps distances, so the error need not be taken back to the weights.
            let g = Double(gain), s = Double(stored)
            return Distortion(error: max(0, g * g * sums.zz - 2 * g * s * zy + s * s * yy), energy: energy)
        }
        let error = squaredError(symbols.span.extracting(place), gain: stored, weights: weights.span, scratch: &scratch.y)
        return Distortion(error: error, energy: energy)
    }
}
