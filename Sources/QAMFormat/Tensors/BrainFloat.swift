/// bfloat16 as bits: the upper half of a Float.
enum BrainFloat {
    /// Exact.
    @inline(__always)
    static func float(from bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// Rounds to nearest even; overflows to infinity; propagates NaNs.
    @inline(__always)
    static func bits(of value: Float) -> UInt16 {
        let word = value.bitPattern
        let rounded = (word &+ 0x7FFF &+ ((word >> 16) & 1)) >> 16
        // A NaN is truncated, not rounded, and made quiet so that it stays a NaN.
        let quiet = word >> 16 | 0x40
        return UInt16(truncatingIfNeeded: word & 0x7FFF_FFFF > 0x7F80_0000 ? quiet : rounded)
    }
}
