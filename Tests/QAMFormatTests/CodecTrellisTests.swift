import CQAMKernels
import QAMFormat
import Testing

/// The trellis search against the exact one and, on short rings, against all rings there are.
@Suite struct CodecTrellisTests {
    /// Base points in window order, and as the search wants them.
    private struct Points {
        var x: [Float] = []
        var y: [Float] = []
        var slotX = [Float](repeating: 0, count: 256)
        var slotY = [Float](repeating: 0, count: 256)

        init(stride: Int) throws {
            let record = try Codebook.builtIn(.octant, bits: Double(stride + 3) / 2).record
            let step = Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(record[4 + $1]) << UInt32(8 * $1) })
            for k in 0..<256 {
                x.append(Float(record[8 + 2 * k]) * step)
                y.append(Float(record[9 + 2 * k]) * step)
                let slot = Int(qam_window_slot(UInt32(k), UInt32(stride)))
                slotX[slot] = x[k]
                slotY[slot] = y[k]
            }
        }

        func search(_ fx: [Float], _ fy: [Float], used: Int, stride: Int) -> (windows: [UInt8], cost: Float) {
            var windows = [UInt8](repeating: 0, count: fx.count)
            let cost = unsafe qam_trellis_search_scalar(fx, fy, used, fx.count, slotX, slotY, UInt32(stride), &windows)
            return (windows, cost)
        }

        func distances(_ fx: [Float], _ fy: [Float], used: Int) -> [[Float]] {
            fx.indices.map { t in
                x.indices.map { k in
                    let dx = fx[t] - x[k], dy = fy[t] - y[k]
                    return t < used ? dx * dx + dy * dy : 0
                }
            }
        }
    }

    private func foldedPairs(_ count: Int, _ random: inout CodecRandom) -> (x: [Float], y: [Float]) {
        let z = random.gaussian(2 * count).map(\.magnitude)
        let pairs = (0..<count).map { (max(z[2 * $0], z[2 * $0 + 1]), min(z[2 * $0], z[2 * $0 + 1])) }
        return (pairs.map(\.0), pairs.map(\.1))
    }

    private func isRing(_ windows: [UInt8], stride: Int) -> Bool {
        windows.indices.allSatisfy { i in
            Int(windows[(i + 1) % windows.count]) & (256 >> stride - 1) == Int(windows[i]) >> stride
        }
    }

    /// The least cost of any ring, by trying every start state.
    private func exactCost(_ distances: [[Float]], stride: Int) -> Float {
        let states = 256 >> stride
        var best = Float.infinity
        for start in 0..<states {
            var cost = [Float](repeating: .infinity, count: states)
            cost[start] = 0
            for step in distances {
                var next = [Float](repeating: .infinity, count: states)
                for k in 0..<256 { next[k >> stride] = min(next[k >> stride], cost[k & (states - 1)] + step[k]) }
                cost = next
            }
            best = min(best, cost[start])
        }
        return best
    }

    @Test(arguments: 1...7)
    func searchIsWithinTheAllowedGap(_ stride: Int) throws {
        var random = CodecRandom(seed: UInt64(stride))
        let points = try Points(stride: stride)
        var found = 0.0, exact = 0.0
        for group in 0..<200 {
            let (fx, fy) = foldedPairs(64, &random)
            let used = group % 4 == 0 ? Int.random(in: 1...64, using: &random) : 64
            let distances = points.distances(fx, fy, used: used)
            let (windows, cost) = points.search(fx, fy, used: used, stride: stride)
            #expect(isRing(windows, stride: stride))
            let sum = windows.indices.reduce(Float(0)) { $0 + distances[$1][Int(windows[$1])] }
            #expect(abs(sum - cost) <= 1e-5 * sum)
            found += Double(sum)
            exact += Double(exactCost(distances, stride: stride))
        }
        #expect(decibels(found / exact) < 0.02, "\(decibels(found / exact)) dB")
        #expect(found >= exact * 0.99999)
    }

    @Test(arguments: [(1, 8), (1, 9), (1, 12), (2, 4), (2, 5), (2, 6), (3, 3), (3, 4), (4, 2), (4, 3), (5, 2), (6, 2), (7, 2)])
    func shortRingsAreTheBestThroughTheirState(_ stride: Int, _ length: Int) throws {
        var random = CodecRandom(seed: UInt64(stride * 100 + length))
        let points = try Points(stride: stride)
        let bits = stride * length
        for _ in 0..<8 {
            let (fx, fy) = foldedPairs(length, &random)
            let distances = points.distances(fx, fy, used: length)
            let (windows, cost) = points.search(fx, fy, used: length, stride: stride)
            #expect(isRing(windows, stride: stride))
            let state = Int(windows[0]) & (256 >> stride - 1)
            var best = Float.infinity, bestThroughState = Float.infinity
            for ring in 0..<1 << bits {
                let unrolled = ring | ring << bits
                var sum: Float = 0
                for i in 0..<length { sum += distances[i][unrolled >> (i * stride) & 255] }
                best = min(best, sum)
                if unrolled & (256 >> stride - 1) == state { bestThroughState = min(bestThroughState, sum) }
            }
            #expect(cost == bestThroughState)
            #expect(cost >= best)
            // With few states the search tries all that can be best.
            if stride >= 5 { #expect(cost <= best * 1.000001) }
            #expect(windows.indices.reduce(Float(0)) { $0 + distances[$1][Int(windows[$1])] } == cost)
        }
    }

    @Test(arguments: 1...7)
    func tiesGoToTheLowestWindow(_ stride: Int) throws {
        let points = try Points(stride: stride)
        // Padding alone: every window of every ring costs nothing.
        let (windows, cost) = points.search(Array(repeating: 1, count: 64), Array(repeating: 0, count: 64), used: 0, stride: stride)
        #expect(cost == 0)
        #expect(windows.allSatisfy { $0 == 0 })
    }
}
