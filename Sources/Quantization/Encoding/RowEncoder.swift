package import QAMFormat

/// Encodes the rows of one tensor. The bytes do not depend on how rows are split into calls or on threads.
package struct RowEncoder: Sendable {
    package let coder: any GroupCoder
    package let layout: RowLayout
    package let transform: RowTransform
    /// The stream of channel scales; empty if there are none.
    package let channelScaleBytes: [UInt8]
    /// Whether gains are refitted to the coded row by least squares, at no storage cost.
    package let fitsGains: Bool
    package let kernels: Kernels
    package let decoder: any TensorDecoder
    private let parameters: [UInt8]

    /// - Parameters:
    ///   - columns: the length of a row.
    ///   - blockSize: of the rotation, a power of two from 2 to 2^15 that divides `columns`; nil for codes without rotation.
    ///   - channelScales: a positive factor for each column, or nil.
    ///   - refit: whether gains are refitted; nil for the code's default.
    /// - Throws: `QAMError.invalidArgument` for inconsistent parameters.
    package init(
        _ coder: any GroupCoder, columns: Int, blockSize: Int?, seed: UInt64, gainType: GainType,
        channelScales: [Float]? = nil, refit: Bool? = nil, kernels: Kernels = .chosen
    ) throws {
        let type = Swift.type(of: coder)
        guard columns > 0, coder.code.family.fits(columns: columns) else {
            throw QAMError(.invalidArgument, "family \(coder.code.family.name) has no codes for rows of \(columns)")
        }
        if let blockSize {
            guard Rotation.isBlockSize(blockSize), columns % blockSize == 0 else {
                throw QAMError(.invalidArgument, "blocks of \(blockSize) do not fit rows of \(columns)")
            }
        }
        guard channelScales == nil || channelScales?.count == columns else {
            throw QAMError(.invalidArgument, "there must be one channel scale for each of \(columns) columns")
        }
        self.coder = coder
        self.kernels = kernels
        fitsGains = refit ?? type.fitsGains
        layout = RowLayout(coder.code, columns: columns, gainType: gainType, isScaled: channelScales != nil)
        channelScaleBytes = try ChannelScales.bytes(channelScales ?? [])
        transform = RowTransform(
            columns: columns, rotation: blockSize.map { Rotation(columns: columns, blockSize: $0, seed: seed) },
            channelScales: channelScales == nil ? nil : try ChannelScales.parse(channelScaleBytes))
        decoder = try coder.decoder(layout, transform, kernels: kernels)
        parameters = try coder.parameters(layout, transform)
    }

    package var columns: Int { layout.columns }

    /// How the encoded tensor is described in a file.
    ///
    /// - Parameters:
    ///   - codebook: the index of the coder's codebook, if any.
    ///   - seed: the index of the rotation's seed, if any.
    package func coding(sourceType: DType?, codebook: Int?, seed: Int?) -> Coding {
        Coding(
            codec: coder.code.family.codec, sourceType: sourceType, codebook: codebook, seed: seed, parameters: parameters,
            streams: layout.streams)
    }

    /// Encodes consecutive whole rows; see `encode(rows:firstRow:fill:)`.
    package func encode(_ weights: [Float], firstRow: Int = 0) throws -> TensorChunk {
        let rows = weights.count / columns
        precondition(weights.count == rows * columns)
        return try encode(rows: rows, firstRow: firstRow) { row, target in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
    }

    /// Encodes consecutive rows that begin with a group.
    ///
    /// - Parameter fill: writes the weights of a row, given its index from 0.
    /// - Returns: the streams, with the squared error and energy of the weights.
    /// - Throws: `QAMError.malformed` for a row with non-finite values or a gain outside the gain type's range (the message counts rows from `firstRow`), and
    ///   errors from `fill`.
    package func encode(
        rows: Int, firstRow: Int = 0, fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        let groupRows = layout.groupRows, groupBytes = layout.groupBytes
        var symbols = [UInt8](repeating: 0, count: layout.symbolBytes(rows: rows))
        var gains: [UInt8] = []
        gains.reserveCapacity(rows * layout.gainType.byteCount)
        var distortion = Distortion()
        var group = Group(rows: min(groupRows, rows), columns: columns)
        for (index, start) in stride(from: 0, to: rows, by: groupRows).enumerated() {
            if rows - start < group.rows.count { group = Group(rows: rows - start, columns: columns) }
            for i in group.rows.indices {
                var span = group.row.mutableSpan
                try fill(start + i, &span)
                guard read(&group, i) else { throw unfit(row: firstRow + start + i) }
            }
            let place = index * groupBytes..<(index + 1) * groupBytes
            // Symbols of rows of zeros stay zero: a gain of zero decodes to zeros for any symbols.
            if group.rows.contains(where: { $0.gain > 0 }) {
                coder.encode(group.z, rows: group.rows.count, into: &symbols, at: place, kernels: kernels)
                coder.decode(symbols.span.extracting(place), rows: group.rows.count, into: &group.y, kernels: kernels)
            }
            for i in group.rows.indices {
                guard let rowDistortion = try finish(&group, i, symbols.span.extracting(place), &gains) else { throw unfit(row: firstRow + start + i) }
                distortion += rowDistortion
            }
        }
        return chunk(symbols: symbols, gains: gains, distortion)
    }

    /// A chunk of encoded rows, with an empty stream in place of channel scales.
    func chunk(symbols: [UInt8], gains: [UInt8], _ distortion: Distortion) -> TensorChunk {
        TensorChunk(streams: [symbols, gains] + (layout.isScaled ? [[]] : []), distortion: distortion)
    }

    /// The error for a row that is not finite or whose gain does not fit the gain type.
    func unfit(row: Int) -> QAMError { QAMError(.malformed, "row \(row) is not finite or too large for \(layout.gainType.name) gains") }

    /// Scales a row of weights. Returns its sum of squares before scaling and its gain before refitting.
    func scale(_ row: inout [Float]) -> (energy: Double, gain: Float) {
        let energy = kernels.sumOfSquares(row.span)
        var sumOfSquares = energy
        if transform.channelScales != nil {
            transform.scale(&row, kernels)
            sumOfSquares = kernels.sumOfSquares(row.span)
        }
        return (energy, type(of: coder).gain(of: row.span, sumOfSquares: sumOfSquares, as: layout.gainType))
    }

    /// The squared error of one row's weights, given the symbols of its group, its place there, and its stored gain. `scratch` is overwritten.
    func squaredError(_ symbols: Span<UInt8>, after skipped: Int, gain: Float, weights: Span<Float>, scratch: inout [Float]) throws -> Double {
        var bytes: [UInt8] = []
        _ = layout.gainType.append(gain, to: &bytes)
        var decoded = scratch.mutableSpan
        try unsafe decoder.decode(symbols: symbols.bytes, gains: bytes.span.bytes, rows: 1, after: skipped, into: &decoded, at: 0)
        return kernels.squaredDistance(weights, scratch)
    }

    /// The rows that are coded together.
    private struct Group {
        struct Row {
            /// The sum of squares of the weights.
            var energy = 0.0
            /// Before refitting.
            var gain: Float = 0
        }

        var rows: [Row]
        /// The weights of one row, then its scaled weights or coordinates.
        var row: [Float]
        /// The weights of the rows, if they are scaled.
        var weights: [Float] = []
        /// Coordinates, and what they are coded as.
        var z: [Float]
        var y: [Float]

        init(rows: Int, columns: Int) {
            self.rows = Array(repeating: Row(), count: rows)
            row = Array(repeating: 0, count: columns)
            z = Array(repeating: 0, count: rows * columns)
            y = z
        }
    }

    /// Takes the weights in `group.row` as those of row i. False if its gain is not finite.
    private func read(_ group: inout Group, _ i: Int) -> Bool {
        let place = i * columns..<(i + 1) * columns
        if layout.isScaled {
            if group.weights.isEmpty { group.weights = group.z }
            group.weights.replaceSubrange(place, with: group.row)
        }
        let (energy, gain) = scale(&group.row)
        guard gain.isFinite, energy.isFinite else { return false }
        group.rows[i] = Group.Row(energy: energy, gain: gain)
        if gain > 0 { transform.rotate(&group.row, gain: gain, kernels) }
        group.z.replaceSubrange(place, with: group.row)
        return true
    }

    /// Fits and stores the gain of row i; nil if it is not finite in the gain type.
    private func finish(_ group: inout Group, _ i: Int, _ symbols: Span<UInt8>, _ gains: inout [UInt8]) throws -> Distortion? {
        let (energy, gain) = (group.rows[i].energy, group.rows[i].gain), place = i * columns..<(i + 1) * columns
        guard gain > 0 else {
            _ = layout.gainType.append(0, to: &gains)
            return Distortion(error: energy, energy: energy)
        }
        let unit = Double(coder.unit)
        let sums = kernels.innerProducts(group.z.span.extracting(place), group.y.span.extracting(place))
        let zy = sums.zy * unit, yy = sums.yy * unit * unit
        var fitted = gain
        if fitsGains, yy > 0 {
            let g = Float(Double(gain) * zy / yy)
            if g >= gain / 2, g <= gain * 2 { fitted = g }
        }
        let stored = layout.gainType.append(fitted, to: &gains)
        guard stored.isFinite else { return nil }

        if !layout.isScaled {
            // The rotation preserves distances, so the error need not be measured on decoded weights.
            let g = Double(gain), s = Double(stored)
            return Distortion(error: max(0, g * g * sums.zz - 2 * g * s * zy + s * s * yy), energy: energy)
        }
        var scratch = group.row
        let error = try squaredError(symbols, after: i, gain: stored, weights: group.weights.span.extracting(place), scratch: &scratch)
        return Distortion(error: error, energy: energy)
    }
}
