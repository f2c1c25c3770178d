/// The blockwise rotation that makes a row's coordinates look Gaussian: random signs, then a Walsh-Hadamard transform
/// of each block, orthonormal (spec sections 8.2 and 8.5).
package struct Rotation: Hashable, Sendable {
    package let columns: Int
    package let blockSize: Int
    /// Bit j % 64 of word j / 64 is set where column j is negated.
    let signs: [UInt64]
    /// 1 / sqrt(blockSize), in float32.
    let scale: Float

    /// `blockSize` is a power of two from 2 to 2^15 that divides `columns`. O(columns).
    package init(columns: Int, blockSize: Int, seed: UInt64) {
        self.columns = columns
        self.blockSize = blockSize
        signs = Self.signWords(seed: seed, count: (columns + 63) / 64)
        scale = Self.scale(blockSize: blockSize)
    }

    /// Whether the sign of this column is changed.
    package func isNegated(_ column: Int) -> Bool { signs[column / 64] >> UInt64(column % 64) & 1 == 1 }

    /// The block size for so many columns: the largest power of two that divides them, `cap` at most; nil where they are odd.
    package static func blockSize(columns: Int, cap: Int = 1024) -> Int? {
        guard columns > 0, columns % 2 == 0 else { return nil }
        return min(cap, 1 << min(columns.trailingZeroBitCount, 15))
    }

    /// The byte of a codec's parameters that says the block size: its binary logarithm.
    package static func parameter(blockSize: Int) -> UInt8 { UInt8(blockSize.trailingZeroBitCount) }

    /// The block size of such a byte.
    ///
    /// - Throws: `QAMError.malformed` for one that is not from 2^1 to 2^15.
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

    /// The output of SplitMix64 from `seed`.
    static func signWords(seed: UInt64, count: Int) -> [UInt64] {
        var generator = SplitMix64(state: seed)
        return (0..<count).map { _ in generator.next() }
    }

    /// 2^(-k/2) for blocks of 2^k: float32(sqrt(1/2)), which is 0x3F3504F3, and powers of two.
    static func scale(blockSize: Int) -> Float {
        let k = blockSize.trailingZeroBitCount
        let root = Float(bitPattern: 0x3F35_04F3)
        return Float(sign: .plus, exponent: -(k / 2), significand: k % 2 == 0 ? 1 : root)
    }
}
