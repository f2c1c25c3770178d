/// The blockwise rotation that makes a row's coordinates nearly Gaussian: random signs, then an orthonormal Walsh-Hadamard transform of each block (spec
/// sections 8.2 and 8.5).
package struct Rotation: Hashable, Sendable {
    package let columns: Int
    package let blockSize: Int
    /// Bit j % 64 of word j / 64 is set if column j is negated.
    let signs: [UInt64]
    /// 1 / sqrt(blockSize), in float32.
    let scale: Float

    /// `blockSize` must be a power of two from 2 to 2^15 that divides `columns`. O(columns).
    package init(columns: Int, blockSize: Int, seed: UInt64) {
        self.columns = columns
        self.blockSize = blockSize
        signs = Self.signWords(seed: seed, count: (columns + 63) / 64)
        scale = Self.scale(blockSize: blockSize)
    }

    package func isNegated(_ column: Int) -> Bool { signs[column / 64] >> UInt64(column % 64) & 1 == 1 }

    /// The block size for a number of columns: the largest power of two that divides it, at most `cap`; nil if it is odd.
    package static func blockSize(columns: Int, cap: Int = 1024) -> Int? {
        guard columns > 0, columns % 2 == 0 else { return nil }
        return min(cap, 1 << min(columns.trailingZeroBitCount, 15))
    }

    /// Whether blocks may have this size: a power of two from 2 to 2^15.
    package static func isBlockSize(_ size: Int) -> Bool { (2...1 << 15).contains(size) && size & (size - 1) == 0 }

    /// The block size in a codec's parameters: its binary logarithm.
    package static func parameter(blockSize: Int) -> UInt8 { UInt8(blockSize.trailingZeroBitCount) }

    /// Parses such a byte.
    ///
    /// - Throws: `QAMError.malformed` unless it is from 2^1 to 2^15.
    static func blockSize(parameter: UInt8) throws -> Int {
        guard (1...15).contains(parameter) else {
            throw QAMError(.malformed, "block size 2^\(parameter) where 2^1 to 2^15 are allowed")
        }
        return 1 << Int(parameter)
    }

    /// - Throws: `QAMError.malformed` unless blocks divide rows.
    static func check(blockSize: Int, columns: Int) throws {
        guard columns % blockSize == 0 else { throw QAMError(.malformed, "blocks of \(blockSize) do not fit rows of \(columns)") }
    }

    /// The output of SplitMix64, seeded with `seed`.
    static func signWords(seed: UInt64, count: Int) -> [UInt64] {
        var generator = SplitMix64(state: seed)
        return (0..<count).map { _ in generator.next() }
    }

    /// 2^(-k/2) for blocks of 2^k, computed from float32(sqrt(1/2)), which is 0x3F3504F3, and powers of two.
    static func scale(blockSize: Int) -> Float {
        let k = blockSize.trailingZeroBitCount
        let root = Float(bitPattern: 0x3F35_04F3)
        return Float(sign: .plus, exponent: -(k / 2), significand: k % 2 == 0 ? 1 : root)
    }
}
