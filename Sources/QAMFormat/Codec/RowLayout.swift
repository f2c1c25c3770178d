/// The layout of a coded tensor's rows in its streams: symbols and one gain per row, and channel scales for all rows.
package struct RowLayout: Hashable, Sendable {
    package let code: Code
    package let columns: Int
    package let gainType: GainType
    /// Whether there are channel scales.
    package let isScaled: Bool

    package init(_ code: Code, columns: Int, gainType: GainType, isScaled: Bool) {
        self.code = code
        self.columns = columns
        self.gainType = gainType
        self.isScaled = isScaled
    }

    /// The rows that are coded together.
    package var groupRows: Int { code.family.groupRows }

    /// The bytes of the symbols of a group of rows.
    package var groupBytes: Int { code.groupBytes(columns: columns) }

    /// The bytes of the symbols of this many rows that begin with a group.
    package func symbolBytes(rows: Int) -> Int { StreamLayout.groups(rows, of: groupRows) * groupBytes }

    /// The rows of whole groups whose symbols take about this many bytes: for splitting work.
    package func grain(bytes: Int) -> Int { max(1, bytes / max(1, groupBytes)) * groupRows }

    /// In the order that all codecs use.
    package var streams: [StreamLayout] {
        var streams = [
            StreamLayout(role: .symbols, extent: .perRows(groupRows, bytes: groupBytes)),
            StreamLayout(role: .gains, extent: .perRow(gainType.byteCount)),
        ]
        if isScaled { streams.append(StreamLayout(role: .channelScales, extent: .whole(2 * columns))) }
        return streams
    }

    /// The channel scales, given their bytes in `wholeStreams`; nil if there are none.
    ///
    /// - Throws: `QAMError.malformed` for invalid scales.
    package func channelScales(_ wholeStreams: [[UInt8]]) throws -> [Float]? { isScaled ? try ChannelScales.parse(wholeStreams[2]) : nil }

    /// The validated gains of rows. `bytes` must have at least that many.
    ///
    /// - Throws: `QAMError.malformed` for a gain that is negative or not finite.
    package func gains(in bytes: RawSpan, rows: Int) throws -> [Float] {
        try (0..<rows).map { row in
            let gain = gainType.gain(row, in: bytes)
            guard gain.isFinite, gain.sign == .plus else {
                throw QAMError(.malformed, "gain of row \(row) of the chunk is negative or not finite")
            }
            return gain
        }
    }

    /// - Throws: `QAMError.invalidArgument` unless the streams hold this many rows, after `skipped` rows of their first group, and their weights fit into `room`
    ///   from `start` on.
    func check(symbols: RawSpan, gains: RawSpan, rows: Int, after skipped: Int, room: Int, start: Int) throws {
        guard (0..<groupRows).contains(skipped), symbols.byteCount == symbolBytes(rows: skipped + rows), gains.byteCount == rows * gainType.byteCount else {
            throw QAMError(.invalidArgument, "the streams do not hold \(rows) rows of \(columns) weights")
        }
        guard start >= 0, start + rows * columns <= room else {
            throw QAMError(.invalidArgument, "there is no room for \(rows) rows of \(columns) weights")
        }
    }
}

extension GainType {
    /// The gain of one row. `bytes` must have at least `row + 1` gains.
    fileprivate func gain(_ row: Int, in bytes: RawSpan) -> Float {
        switch self {
        case .float16: unsafe Half.float(from: UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 2 * row, as: UInt16.self)))
        case .float32: unsafe Float(bitPattern: UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 4 * row, as: UInt32.self)))
        }
    }
}
