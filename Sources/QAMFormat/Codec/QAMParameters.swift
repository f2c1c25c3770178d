/// What a tensor of the pair codec says of itself: `Coding.parameters`, four bytes (spec section 8.1).
///
/// | byte | value |
/// |---|---|
/// | 0 | codebook family: 1 free, 2 octant |
/// | 1 | rate: bits of a symbol (free, 4...13) or stride (octant, 1...10) |
/// | 2 | binary logarithm of the block size, 1...15 |
/// | 3 | gain type: 1 float16, 2 float32 |
package struct QAMParameters: Hashable, Sendable {
    package var family: Codebook.Family
    package var rate: Int
    package var blockSize: Int
    package var gainType: GainType

    package init(family: Codebook.Family, rate: Int, blockSize: Int, gainType: GainType) {
        self.family = family
        self.rate = rate
        self.blockSize = blockSize
        self.gainType = gainType
    }

    /// - Throws: `QAMError.malformed` for bytes that break a rule, `QAMError.unsupported` for an unknown family or gain type.
    package init(bytes: [UInt8]) throws {
        guard bytes.count == 4 else { throw QAMError(.malformed, "codec parameters of \(bytes.count) bytes where 4 belong") }
        guard let family = Codebook.Family(rawValue: bytes[0]) else {
            throw QAMError(.unsupported, "codebook family \(bytes[0]) is unknown")
        }
        guard family.rates.contains(Int(bytes[1])) else {
            throw QAMError(.malformed, "a \(family.name) code has no rate \(bytes[1])")
        }
        guard (1...15).contains(bytes[2]) else {
            throw QAMError(.malformed, "block size 2^\(bytes[2]) where 2^1 to 2^15 are allowed")
        }
        guard let gainType = GainType(rawValue: bytes[3]) else {
            throw QAMError(.unsupported, "gain type \(bytes[3]) is unknown")
        }
        self.init(family: family, rate: Int(bytes[1]), blockSize: 1 << Int(bytes[2]), gainType: gainType)
    }

    package var bytes: [UInt8] {
        [family.rawValue, UInt8(rate), UInt8(blockSize.trailingZeroBitCount), gainType.rawValue]
    }

    /// Bytes of one row's symbols: those of its pairs, rounded up to a multiple of eight pairs.
    package func symbolBytes(columns: Int) -> Int {
        let pairBits = family == .free ? rate : 3 + rate
        return (columns + 15) / 16 * pairBits
    }

    /// The streams of a tensor with these parameters, in their order.
    package func streams(columns: Int, scaled: Bool) -> [StreamLayout] {
        var streams = [
            StreamLayout(role: .symbols, extent: .perRow(symbolBytes(columns: columns))),
            StreamLayout(role: .gains, extent: .perRow(gainType.byteCount)),
        ]
        if scaled { streams.append(StreamLayout(role: .channelScales, extent: .whole(2 * columns))) }
        return streams
    }
}
