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

    /// The bytes of a row's symbols.
    package var symbolBytes: Int { code.symbolBytes(columns: columns) }

    /// In the order that all codecs use.
    package var streams: [StreamLayout] {
        var streams = [
            StreamLayout(role: .symbols, extent: .perRow(symbolBytes)),
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

    /// - Throws: `QAMError.invalidArgument` unless the streams hold this many rows and their weights fit into `room` from `start` on.
    func check(symbols: RawSpan, gains: RawSpan, rows: Int, room: Int, start: Int) throws {
        guard symbols.byteCount == rows * symbolBytes, gains.byteCount == rows * gainType.byteCount else {
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
