import QAMFormat

/// A direct and slow implementation of the codec as the spec states it, to compare the product with.
struct CodecReference {
    let record: [UInt8]
    let columns: Int
    let blockSize: Int
    let seed: UInt64

    var isOctant: Bool { record[0] == 2 }
    var rate: Int { Int(record[1]) }
    var windowBits: Int { Int(record[2]) }

    func float(_ offset: Int) -> Float {
        Float(bitPattern: (0..<4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(record[offset + $1]) })
    }

    /// Whether column j is negated.
    func isNegative(_ column: Int) -> Bool {
        var x = seed &+ UInt64(column / 64 + 1) &* 0x9E37_79B9_7F4A_7C15
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        x ^= x >> 31
        return x >> UInt64(column % 64) & 1 == 1
    }

    var rotationScale: Float {
        var scale: Float = blockSize.trailingZeroBitCount % 2 == 1 ? Float(bitPattern: 0x3F35_04F3) : 1
        for _ in 0..<blockSize.trailingZeroBitCount / 2 { scale /= 2 }
        return scale
    }

    func hadamard<Value: SignedNumeric>(_ x: inout [Value]) {
        for start in stride(from: 0, to: x.count, by: blockSize) {
            var h = 1
            while h < blockSize {
                for i in 0..<blockSize where i & h == 0 {
                    let a = x[start + i], b = x[start + i + h]
                    x[start + i] = a + b
                    x[start + i + h] = a - b
                }
                h *= 2
            }
        }
    }

    /// The position of a pair's group in its row, and the group's fields.
    private struct Group {
        let pairs: Int, plane: Int, start: Int, base: Int

        init(pair: Int, columns: Int, rate: Int) {
            let first = pair / 64 * 64
            pairs = min(64, (columns / 2 - first + 7) / 8 * 8)
            plane = pairs / 8
            start = first / 8 * (3 + rate)
            base = max(3, rate - 5) * plane
        }
    }

    /// Bits of a byte string, least significant first.
    private func bit(_ bytes: ArraySlice<UInt8>, _ index: Int) -> Int { Int(bytes[bytes.startIndex + index / 8] >> (index % 8)) & 1 }

    func decode(_ symbols: [UInt8], gain: Float, scales: [Float]? = nil) -> [Float] {
        var t: [Float]
        let factor: Float
        if isOctant {
            var y = [Int](repeating: 0, count: columns)
            for pair in 0..<columns / 2 {
                let group = Group(pair: pair, columns: columns, rate: rate), i = pair % 64
                let field = { (offset: Int, index: Int) in bit(symbols[(group.start + offset)...], index) }
                let step = min(rate, 8), ring = group.pairs * step
                var index = (0..<8).reduce(0) { $0 | field(group.base, (i * step + $1) % ring) << $1 }
                for upper in 8..<max(8, rate) { index |= field((upper - 5) * group.plane, i) << upper }
                var values = [Int(record[8 + 2 * index]), Int(record[9 + 2 * index])]
                if field(2 * group.plane, i) == 1 { values.reverse() }
                for side in 0..<2 { y[2 * pair + side] = field(side * group.plane, i) == 1 ? -values[side] : values[side] }
            }
            hadamard(&y)
            t = y.map { Float($0) }
            factor = gain * float(4) * rotationScale
        } else {
            t = (0..<columns / 2).flatMap { pair in
                let symbol = (0..<rate).reduce(0) { $0 | bit(symbols[...], pair * rate + $1) << $1 }
                return [float(8 + 8 * symbol), float(12 + 8 * symbol)]
            }
            hadamard(&t)
            factor = gain * rotationScale
        }
        return t.indices.map { j in
            let weight = (isNegative(j) ? -t[j] : t[j]) * factor
            return scales.map { weight / $0[j] } ?? weight
        }
    }

    /// The rotated, normalised row and its gain.
    func rotate(_ weights: [Float]) -> (z: [Float], gain: Float) {
        var lanes = [Double](repeating: 0, count: 8)
        for (j, w) in weights.enumerated() { lanes[j % 8] += Double(w) * Double(w) }
        let sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
        let gain = Float((sum / Double(columns)).squareRoot())
        var z = weights.indices.map { j in
            let v = Float(Double(weights[j]) * (1 / Double(gain)))
            return isNegative(j) ? -v : v
        }
        hadamard(&z)
        let scale = rotationScale
        return (z.map { $0 * scale }, gain)
    }

    /// The symbols of a rotated row for a code without a trellis, by exhaustive search.
    func encode(_ z: [Float]) -> [UInt8] {
        var symbols = [UInt8](repeating: 0, count: (columns + 15) / 16 * (isOctant ? 3 + rate : rate))
        func set(_ bit: Int, from byte: Int) { symbols[byte + bit / 8] |= 1 << UInt8(bit % 8) }
        for pair in 0..<columns / 2 {
            var x = z[2 * pair], y = z[2 * pair + 1]
            let i = pair % 64, group = Group(pair: pair, columns: columns, rate: rate)
            if isOctant {
                if x < 0 { set(i, from: group.start) }
                if y < 0 { set(i, from: group.start + group.plane) }
                (x, y) = (x.magnitude, y.magnitude)
                if x < y {
                    set(i, from: group.start + 2 * group.plane)
                    swap(&x, &y)
                }
            }
            var best = 0, least = Float.infinity
            for k in 0..<1 << windowBits {
                let cx = isOctant ? Float(record[8 + 2 * k]) * float(4) : float(8 + 8 * k)
                let cy = isOctant ? Float(record[9 + 2 * k]) * float(4) : float(12 + 8 * k)
                let dx = x - cx, dy = y - cy
                let distance = dx * dx + dy * dy
                if distance < least { (least, best) = (distance, k) }
            }
            for b in 0..<rate where best >> b & 1 == 1 {
                if !isOctant {
                    set(pair * rate + b, from: 0)
                } else if b < 8 {
                    set(8 * i + b, from: group.start + group.base)
                } else {
                    set(i, from: group.start + (b - 5) * group.plane)
                }
            }
        }
        return symbols
    }
}
