/// IEEE float16 as bits, without hardware support and branches, so that loops vectorise.
package enum Half {
    /// The bits of positive, finite, normal numbers.
    static let positiveNormal: ClosedRange<UInt16> = 0x0400...0x7BFF

    /// Exact. Propagates NaNs.
    @inline(__always)
    package static func float(from half: UInt16) -> Float {
        let word = UInt32(half) << 16
        let doubled = word &+ word
        // The exponent changes by 112 in total; multiplication preserves infinities and NaNs.
        let normal = Float(bitPattern: (doubled >> 4) &+ 0x7000_0000) * 0x1p-112
        let subnormal = Float(bitPattern: (doubled >> 17) | 0x3F00_0000) - 0.5
        let magnitude = doubled < 0x0800_0000 ? subnormal.bitPattern : normal.bitPattern
        return Float(bitPattern: word & 0x8000_0000 | magnitude)
    }

    /// Rounds to nearest even; overflows to infinity; propagates NaNs.
    @inline(__always)
    package static func bits(of value: Float) -> UInt16 {
        let word = value.bitPattern
        let doubled = word &+ word
        // Adding a power of two that depends on the exponent makes the float32 adder round at float16's last bit.
        let scaled = (value.magnitude * 0x1p112) * 0x1p-110
        let exponent = max(doubled & 0xFF00_0000, 0x7100_0000)
        let rounded = (Float(bitPattern: (exponent >> 1) &+ 0x0780_0000) + scaled).bitPattern
        let magnitude = ((rounded >> 13) & 0x7C00) &+ (rounded & 0x0FFF)
        return UInt16(truncatingIfNeeded: (word >> 16) & 0x8000 | (doubled > 0xFF00_0000 ? 0x7E00 : magnitude))
    }
}
