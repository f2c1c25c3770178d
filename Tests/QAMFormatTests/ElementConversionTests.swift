import QAMFormat
import Testing

/// Every type of safetensors, against independent formulas; 8- and 16-bit types exhaustively.
@Suite struct ElementConversionTests {
    private func bytes<Bits: FixedWidthInteger>(_ values: [Bits]) -> [UInt8] {
        values.flatMap { value in (0..<Bits.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    }

    private func bits16(_ bytes: [UInt8]) -> [UInt16] {
        stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    }

    /// Equal with equal signs, or both NaN.
    private func same(_ a: Double, _ b: Double) -> Bool { a.isNaN ? b.isNaN : a == b && a.sign == b.sign }

    private let allBytes = (0...255).map { UInt8($0) }
    private let allHalves = (0...65535).map { UInt16($0) }

    /// The value of sign, exponent and mantissa by the textbook formula.
    private func value(_ bits: Int, exponentBits: Int, mantissaBits: Int, bias: Int) -> Double {
        let sign = bits >> (exponentBits + mantissaBits) & 1 == 0 ? 1.0 : -1.0
        let exponent = bits >> mantissaBits & ((1 << exponentBits) - 1)
        let fraction = Double(bits & ((1 << mantissaBits) - 1)) / Double(1 << mantissaBits)
        func power(_ e: Int) -> Double { (0..<abs(e)).reduce(1.0) { p, _ in e < 0 ? p / 2 : p * 2 } }
        return exponent == 0 ? sign * fraction * power(1 - bias) : sign * (1 + fraction) * power(exponent - bias)
    }

    @Test func eightBitFloats() throws {
        func check(_ dtype: DType, _ expected: (Int) -> Double) throws {
            let floats = try ElementConversion.floats(allBytes, as: dtype), doubles = try ElementConversion.doubles(allBytes, as: dtype)
            for i in 0...255 {
                #expect(same(Double(floats[i]), expected(i)), "\(dtype.name) \(i)")
                #expect(same(doubles[i], expected(i)), "\(dtype.name) \(i)")
            }
        }
        try check(.f8e5m2) { i in
            switch i & 0x7F {
            case 0x7C: i < 128 ? .infinity : -.infinity
            case 0x7D...: .nan
            default: value(i, exponentBits: 5, mantissaBits: 2, bias: 15)
            }
        }
        try check(.f8e4m3) { $0 & 0x7F == 0x7F ? .nan : value($0, exponentBits: 4, mantissaBits: 3, bias: 7) }
        try check(.f8e5m2fnuz) { $0 == 0x80 ? .nan : value($0, exponentBits: 5, mantissaBits: 2, bias: 16) }
        try check(.f8e4m3fnuz) { $0 == 0x80 ? .nan : value($0, exponentBits: 4, mantissaBits: 3, bias: 8) }
        try check(.f8e8m0) { $0 == 255 ? .nan : (0..<abs($0 - 127)).reduce(1.0) { [e = $0] p, _ in e < 127 ? p / 2 : p * 2 } }
        // The largest values, as the types' specifications state them.
        #expect(try ElementConversion.floats([0x7E], as: .f8e4m3) == [448])
        #expect(try ElementConversion.floats([0x7B], as: .f8e5m2) == [57344])
        #expect(try ElementConversion.floats([0x7F], as: .f8e4m3fnuz) == [240])
        #expect(try ElementConversion.floats([0x7F], as: .f8e5m2fnuz) == [57344])
    }

    @Test func subByteFloats() throws {
        let fours = try ElementConversion.floats(allBytes, as: .f4)
        let magnitudes: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        for i in 0..<512 {
            let nibble = Int(allBytes[i / 2]) >> (i % 2 * 4) & 15
            #expect(fours[i] == (nibble < 8 ? magnitudes[nibble] : -magnitudes[nibble - 8]))
        }
        // All 64 values in turn, four six-bit elements per three bytes.
        for (dtype, exponentBits, mantissaBits, bias) in [(DType.f6e2m3, 2, 3, 1), (.f6e3m2, 3, 2, 3)] {
            for first in stride(from: 0, to: 64, by: 4) {
                let word = (0..<4).reduce(0) { $0 | (first + $1) << (6 * $1) }
                let packed = (0..<3).map { UInt8(word >> (8 * $0) & 255) }
                let values = try ElementConversion.doubles(packed, as: dtype)
                for i in 0..<4 {
                    let expected = value(first + i, exponentBits: exponentBits, mantissaBits: mantissaBits, bias: bias)
                    #expect(same(values[i], expected))
                }
            }
        }
    }

    @Test func float16() throws {
        let values = try ElementConversion.floats(bytes(allHalves), as: .f16)
        for (half, value) in zip(allHalves, values) {
            #expect(same(Double(value), Double(Float16(bitPattern: half))))
        }
        let back = bits16(try ElementConversion.bytes(values, as: .f16))
        for (half, again) in zip(allHalves, back) {
            #expect(half == again || Float16(bitPattern: half).isNaN && Float16(bitPattern: again).isNaN)
        }
    }

    @Test func bfloat16() throws {
        let values = try ElementConversion.floats(bytes(allHalves), as: .bf16)
        let back = bits16(try ElementConversion.bytes(values, as: .bf16))
        for i in 0...65535 {
            let bits = UInt32(i) << 16
            #expect(same(Double(values[i]), Double(Float(bitPattern: bits))))
            #expect(back[i] == allHalves[i] || values[i].isNaN && Float(bitPattern: UInt32(back[i]) << 16).isNaN)
        }
    }

    /// All 16-bit values as floats, floats between and next to them, and random ones.
    private func testFloats() -> [Float] {
        var floats: [Float] = [.nan, -.nan, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 65520, 65519.996]
        for half in stride(from: UInt16(0), to: 0x7C00, by: 1) {
            let a = Float(Float16(bitPattern: half)), b = half == 0x7BFF ? 65536 : Float(Float16(bitPattern: half + 1))
            let middle = (a + b) / 2
            floats += [a.nextUp, middle, middle.nextUp, -middle.nextDown]
        }
        var random = CodecRandom(seed: 16)
        for _ in 0..<100_000 { floats.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))) }
        for i in stride(from: UInt32(0x7FFF), to: 0xFF00_0000, by: 0x1_0000 * 13) {
            floats += [Float(bitPattern: i), Float(bitPattern: i + 1), Float(bitPattern: i + 2)]
        }
        return floats
    }

    /// The nearest bfloat16, found by comparing the distances to both neighbours.
    private func nearestBFloat(_ value: Double) -> Double {
        if value.isNaN || value.isInfinite { return value }
        var low = Double(Float(bitPattern: Float(value.magnitude).bitPattern & 0xFFFF_0000))
        if low.isInfinite || low > value.magnitude { low = Double(Float(bitPattern: Float(low).bitPattern - 0x1_0000)) }
        let bits = Float(low).bitPattern
        let next = bits + 0x1_0000
        let high = next == 0x7F80_0000 ? 0x1p128 : Double(Float(bitPattern: next))
        let below = value.magnitude - low, above = high - value.magnitude
        let chosen = below < above || below == above && bits >> 16 & 1 == 0 ? low : (high == 0x1p128 ? .infinity : high)
        return value.sign == .minus ? -chosen : chosen
    }

    @Test func encodingRoundsToNearestEven() throws {
        let floats = testFloats()
        let halves = bits16(try ElementConversion.bytes(floats, as: .f16))
        let brains = bits16(try ElementConversion.bytes(floats, as: .bf16))
        for (i, value) in floats.enumerated() {
            #expect(same(Double(Float16(value)), Double(Float16(bitPattern: halves[i]))), "\(value)")
            #expect(same(nearestBFloat(Double(value)), Double(Float(bitPattern: UInt32(brains[i]) << 16))), "\(value)")
        }
        let same32 = try ElementConversion.floats(ElementConversion.bytes(floats, as: .f32), as: .f32)
        #expect(same32.map(\.bitPattern) == floats.map(\.bitPattern))
        let wide = try ElementConversion.doubles(ElementConversion.bytes(floats, as: .f64), as: .f64)
        #expect(zip(wide, floats).allSatisfy { same($0, Double($1)) })
    }

    @Test func doublesAreRoundedOnce() throws {
        var doubles = testFloats().flatMap { [Double($0), Double($0).nextUp, Double($0).nextDown] }
        doubles += [1e300, -1e300, 0x1p-1074, 0x1.FFp127, (0x1.FFp127).nextDown, 0x1.FFFFFFp127]
        let halves = bits16(try ElementConversion.bytes(doubles, as: .f16))
        let brains = bits16(try ElementConversion.bytes(doubles, as: .bf16))
        let floats = try ElementConversion.floats(ElementConversion.bytes(doubles, as: .f32), as: .f32)
        for (i, value) in doubles.enumerated() {
            #expect(same(Double(Float16(value)), Double(Float16(bitPattern: halves[i]))), "\(value)")
            #expect(same(nearestBFloat(value), Double(Float(bitPattern: UInt32(brains[i]) << 16))), "\(value)")
            #expect(same(Double(Float(value)), Double(floats[i])))
        }
    }

    @Test func integersAndTheRest() throws {
        func check(_ dtype: DType, _ bytes: [UInt8], _ expected: [Double]) throws {
            #expect(try ElementConversion.doubles(bytes, as: dtype) == expected)
            #expect(try ElementConversion.floats(bytes, as: dtype) == expected.map { Float($0) })
        }
        try check(.bool, [0, 1, 2], [0, 1, 1])
        try check(.u8, allBytes, (0...255).map { Double($0) })
        try check(.i8, allBytes, (0...127).map { Double($0) } + (-128 ... -1).map { Double($0) })
        try check(.u16, bytes(allHalves), allHalves.map { Double($0) })
        try check(.i16, bytes(allHalves), allHalves.map { Double(Int16(bitPattern: $0)) })
        let words: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 16_777_217]
        try check(.u32, bytes(words), words.map { Double($0) })
        try check(.i32, bytes(words), words.map { Double(Int32(bitPattern: $0)) })
        let longs: [UInt64] = [0, 1, 1 << 53, 1 << 63, .max - 1]
        #expect(try ElementConversion.doubles(bytes(longs), as: .u64) == longs.map { Double($0) })
        #expect(try ElementConversion.doubles(bytes(longs), as: .i64) == longs.map { Double(Int64(bitPattern: $0)) })
        #expect(try ElementConversion.floats(bytes(longs), as: .i64) == longs.map { Float(Int64(bitPattern: $0)) })
        try check(.f64, bytes([1.5, -0.1, 1e40, 0x1p-1074].map(\.bitPattern)), [1.5, -0.1, 1e40, 0x1p-1074])
        try check(.c64, bytes([Float(1), 2, -3, 4].map(\.bitPattern)), [1, 2, -3, 4])
        for dtype in DType.safetensors {
            #expect(try ElementConversion.floats([], as: dtype).isEmpty)
            if dtype.blockBytes > 1 {
                #expect(throws: QAMError.self) { try ElementConversion.floats([0], as: dtype) }
            }
            if !ElementConversion.encodable.contains(dtype) {
                #expect(throws: QAMError.self) { try ElementConversion.bytes([Float(1)], as: dtype) }
            }
        }
    }
}
