import CQAMKernels.Pairs
import QAMFormat
import Testing

/// The trellis search for every feature set of this machine, against the exact search and against exhaustive search of all tail-biting paths.
@Suite struct CodecTrellisTests {
    /// The magnitudes of the base points, and the tables that the search derives from them.
    private struct Trellis {
        let stride: Int
        let step: Float
        private let magnitudes: [UInt8]
        private var tables = [Int32](repeating: 0, count: QAM_TRELLIS_WORDS)

        init(stride: Int) throws {
            let record = try Codebook.builtIn(Code(.octant, bits: Double(stride + 3) / 2)).record
            let step = Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(record[4 + $1]) << UInt32(8 * $1) })
            self.init(stride: stride, step: step, magnitudes: (0..<512).map { record[8 + 2 * ($0 % 256) + $0 / 256] })
        }

        init(stride: Int, step: Float = 1, magnitudes: [UInt8]) {
            self.stride = stride
            self.step = step
            self.magnitudes = magnitudes
            unsafe qam_trellis_tables(magnitudes, UInt32(stride), &tables)
        }

        /// The cost of a window by the tables: half the squared distance, without the term common to all windows, in eighths.
        func cost(of window: Int, for pair: SIMD2<Int16>) -> Int {
            let a = Int(magnitudes[window]), b = Int(magnitudes[256 + window])
            return 4 * (a * a + b * b) - (Int(pair.x) * a + Int(pair.y) * b)
        }

        func costs(_ pairs: [SIMD2<Int16>], used: Int) -> [[Int]] {
            pairs.indices.map { t in (0..<256).map { t < used ? cost(of: $0, for: pairs[t]) : 0 } }
        }

        /// The windows of the row whose first `used` pairs are used; its group is full except for at most seven pairs. With
        /// 8 bits per step the search operates on the pairs' own coordinates.
        func search(_ pairs: [SIMD2<Int16>], used: Int, _ set: Kernels.InstructionSet) -> [Int] {
            precondition(pairs.count <= 64 && pairs.count == (used + 7) / 8 * 8)
            let z = pairs[..<used].flatMap { [Float($0.x), Float($0.y)] }
            var symbols = [UInt8](repeating: 0, count: qam_row_bytes(QAM_OCTANT, UInt32(stride), z.count))
            unsafe qam_kernels_for(set.features).octant_encode_trellis(z, z.count, tables, 8, UInt32(stride), &symbols)
            let ring = symbols.dropFirst(3 * pairs.count / 8).flatMap { byte in (0..<8).map { Int(byte >> $0 & 1) } }
            return pairs.indices.map { pair in (0..<8).reduce(0) { $0 | ring[(pair * stride + $1) % ring.count] << $1 } }
        }

        /// Gaussian pairs as in rows, folded.
        func gaussian(_ count: Int, _ random: inout CodecRandom) -> [SIMD2<Int16>] {
            let z = random.gaussian(2 * count).map { Int16(min($0.magnitude / step * 8, 4088).rounded()) }
            return (0..<count).map { SIMD2(max(z[2 * $0], z[2 * $0 + 1]), min(z[2 * $0], z[2 * $0 + 1])) }
        }

        func isRing(_ windows: [Int]) -> Bool {
            windows.indices.allSatisfy { windows[($0 + 1) % windows.count] & (256 >> stride - 1) == windows[$0] >> stride }
        }
    }

    private static let scalar = Kernels.InstructionSet.all[0]

    /// The least cost of the tail-biting paths through a state between the last pair and the first.
    private func leastCost(_ costs: [[Int]], stride: Int, through start: Int) -> Int {
        let states = 256 >> stride, far = 1 << 40
        var sums = [Int](repeating: far, count: states)
        sums[start] = 0
        for step in costs {
            var next = [Int](repeating: .max, count: states)
            for k in 0..<256 { next[k >> stride] = min(next[k >> stride], sums[k & (states - 1)] + step[k]) }
            sums = next
        }
        return sums[start]
    }

    /// Whole groups, and the shorter ones at the ends of rows.
    @Test(arguments: 1...7, [8, 16, 24, 64])
    func searchIsWithinTheAllowedGap(_ stride: Int, _ length: Int) throws {
        var random = CodecRandom(seed: UInt64(stride))
        let trellis = try Trellis(stride: stride)
        var found = 0.0, exact = 0.0
        for _ in 0..<200 {
            let pairs = trellis.gaussian(length, &random), costs = trellis.costs(pairs, used: length)
            let windows = trellis.search(pairs, used: length, Self.scalar)
            // In squared units of the magnitudes.
            let common = pairs.reduce(0.0) { $0 + (Double($1.x) * Double($1.x) + Double($1.y) * Double($1.y)) / 64 }
            found += common + Double(windows.indices.reduce(0) { $0 + costs[$1][windows[$1]] }) / 4
            let least = (0..<256 >> stride).map { leastCost(costs, stride: stride, through: $0) }.min() ?? 0
            exact += common + Double(least) / 4
        }
        // The allowed gap is 0.02 dB over many groups; there are few here.
        #expect(decibels(found / exact) < 0.03, "\(decibels(found / exact)) dB")
        #expect(found >= exact)
    }

    @Test(arguments: 1...7, Kernels.InstructionSet.present)
    func resultsAreTheBestRingsThroughTheirState(_ stride: Int, _ set: Kernels.InstructionSet) throws {
        var random = CodecRandom(seed: UInt64(stride * 100))
        let trellis = try Trellis(stride: stride)
        for length in [8, 16, 24, 40, 64] {
            for used in [length, length - 1, Int.random(in: length - 7...length, using: &random)] {
                let pairs = trellis.gaussian(length, &random), costs = trellis.costs(pairs, used: used)
                let windows = trellis.search(pairs, used: used, set)
                #expect(trellis.isRing(windows))
                let cost = windows.indices.reduce(0) { $0 + costs[$1][windows[$1]] }
                // Whole groups are optimal given the state at some position, shorter ones given the state at the seam.
                let isBest = (0..<(length < 64 ? 1 : length)).contains { place in
                    let turned = Array(costs[place...] + costs[..<place])
                    return cost == leastCost(turned, stride: stride, through: windows[place] & (256 >> stride - 1))
                }
                #expect(isBest)
            }
        }
    }

    /// Short tail-biting paths of few bits, compared with all of them.
    @Test(arguments: 1...2)
    func shortRingsAreNearTheBestOfAll(_ stride: Int) throws {
        var random = CodecRandom(seed: UInt64(stride))
        let trellis = try Trellis(stride: stride)
        let bits = 8 * stride
        for _ in 0..<8 {
            let pairs = trellis.gaussian(8, &random), costs = trellis.costs(pairs, used: 8)
            let windows = trellis.search(pairs, used: 8, Self.scalar)
            let cost = windows.indices.reduce(0) { $0 + costs[$1][windows[$1]] }
            var best = Int.max
            for ring in 0..<1 << bits {
                let unrolled = ring | ring << bits
                best = min(best, (0..<8).reduce(0) { $0 + costs[$1][unrolled >> ($1 * stride) & 255] })
            }
            #expect(cost >= best)
            let states = (0..<256 >> stride).map { leastCost(costs, stride: stride, through: $0) }
            #expect(states.min() == best)
        }
    }

    @Test(arguments: 1...7, Kernels.InstructionSet.present)
    func tiesGoToTheLowestWindow(_ stride: Int, _ set: Kernels.InstructionSet) throws {
        // One point for all windows: every path has the same cost.
        let pairs = [SIMD2<Int16>](repeating: SIMD2(900, 8), count: 32)
        let windows = Trellis(stride: stride, magnitudes: [UInt8](repeating: 40, count: 256) + [UInt8](repeating: 30, count: 256))
            .search(pairs, used: 32, set)
        #expect(windows.allSatisfy { $0 == 0 })
    }
}
