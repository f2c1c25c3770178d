/// Encodes groups of 32 folded pairs by Viterbi search over the tail-biting trellis of the octant family, eight groups at a time, one per
/// SIMD lane.
///
/// Window k of 8 bits leads from state k mod S to state k >> bitsPerStep, with S = 2^(8 - bitsPerStep) states; the last pair's window returns to the
/// initial state. The sum of forward and backward metrics, each after one pass from all states at zero, ranks the initial states. The best
/// few are tried in this order, each by one search from and to that state, unless a lower bound of its cost (the larger of its two
/// metrics) is already reached by an earlier try. Ties go to the lowest index.
struct TrellisEncoder {
    typealias Lanes = SIMD8<Float>
    typealias Indices = SIMD8<Int32>

    static let pairs = 32
    static let windows = 256
    /// Above any metric, and small enough to add distances to.
    private static let unreachable: Float = 1e30

    let bitsPerStep: Int
    private let states: Int
    private let tries: Int
    private var x: [Float]
    private var y: [Float]
    private var metrics: [Lanes]
    private var nextMetrics: [Lanes]
    private var forward: [Lanes]
    private var backward: [Lanes]
    private var decisions: [Indices]

    /// The windows chosen by the latest call of `encode`, pair by pair.
    private(set) var path: [Indices]

    /// The number of initial states tried: enough to stay within 0.01 dB of trying all.
    static func tries(bitsPerStep: Int) -> Int {
        switch bitsPerStep {
        case 1: 8
        case 2: 4
        case 3, 4: 2
        default: 1
        }
    }

    /// - Parameter tries: initial states to try per group; by default as many as the codec tries.
    init(bitsPerStep: Int, points: [SIMD2<Float>], tries: Int? = nil) {
        self.bitsPerStep = bitsPerStep
        states = Self.windows >> bitsPerStep
        self.tries = tries ?? Self.tries(bitsPerStep: bitsPerStep)
        x = points.map(\.x)
        y = points.map(\.y)
        metrics = Array(repeating: .zero, count: states)
        nextMetrics = metrics
        forward = metrics
        backward = metrics
        decisions = Array(repeating: .zero, count: states * Self.pairs)
        path = Array(repeating: .zero, count: Self.pairs)
    }

    mutating func replace(points: [SIMD2<Float>]) {
        for (index, point) in points.enumerated() {
            x[index] = point.x
            y[index] = point.y
        }
    }

    /// Encodes groups whose pairs' larger and smaller magnitudes are block[2t] and block[2t + 1]; sets `path` and returns the squared error
    /// of each group.
    mutating func encode(_ block: ArraySlice<Lanes>) -> Lanes {
        rankSeamStates(block)
        var scores = zip(forward, backward).map { $0 + $1 }
        var best = Lanes(repeating: Self.unreachable)
        for _ in 0..<tries {
            let seam = Self.takeMinimum(&scores)
            var bound = Lanes.zero
            for lane in 0..<Lanes.scalarCount {
                bound[lane] = max(forward[Int(seam[lane])][lane], backward[Int(seam[lane])][lane])
            }
            let open = bound .< best
            if !any(open) { continue }
            let cost = search(block, from: seam)
            for lane in 0..<Lanes.scalarCount where open[lane] && cost[lane] < best[lane] {
                best[lane] = cost[lane]
                traceBack(from: seam[lane], lane: lane)
            }
        }
        return best
    }

    /// One forward and one backward pass, each from all states at zero.
    private mutating func rankSeamStates(_ block: ArraySlice<Lanes>) {
        for state in 0..<states {
            metrics[state] = .zero
            backward[state] = .zero
        }
        let mask = states - 1
        for pair in 0..<Self.pairs {
            let px = block[block.startIndex + 2 * pair]
            let py = block[block.startIndex + 2 * pair + 1]
            for target in 0..<states {
                var least = Lanes(repeating: Self.unreachable)
                for window in target << bitsPerStep..<(target + 1) << bitsPerStep {
                    let dx = px - x[window]
                    let dy = py - y[window]
                    let metric = dx * dx + dy * dy + metrics[window & mask]
                    least.replace(with: metric, where: metric .< least)
                }
                nextMetrics[target] = least
            }
            swap(&metrics, &nextMetrics)
        }
        swap(&metrics, &forward)
        for pair in (0..<Self.pairs).reversed() {
            let px = block[block.startIndex + 2 * pair]
            let py = block[block.startIndex + 2 * pair + 1]
            for origin in 0..<states {
                var least = Lanes(repeating: Self.unreachable)
                for window in stride(from: origin, to: Self.windows, by: states) {
                    let dx = px - x[window]
                    let dy = py - y[window]
                    let metric = dx * dx + dy * dy + backward[window >> bitsPerStep]
                    least.replace(with: metric, where: metric .< least)
                }
                nextMetrics[origin] = least
            }
            swap(&backward, &nextMetrics)
        }
    }

    /// The state with the lowest score in each lane, which is then removed.
    private static func takeMinimum(_ scores: inout [Lanes]) -> Indices {
        var least = scores[0]
        var state = Indices.zero
        for (index, score) in scores.enumerated() {
            let isLess = score .< least
            least.replace(with: score, where: isLess)
            state.replace(with: Indices(repeating: Int32(index)), where: isLess)
        }
        for lane in 0..<Lanes.scalarCount { scores[Int(state[lane])][lane] = .infinity }
        return state
    }

    /// The cheapest closed path through each lane's initial state: returns its cost and stores the decisions for `traceBack`.
    private mutating func search(_ block: ArraySlice<Lanes>, from seam: Indices) -> Lanes {
        for state in 0..<states {
            metrics[state] = Lanes(repeating: Self.unreachable)
                .replacing(with: 0, where: seam .== Indices(repeating: Int32(state)))
        }
        let mask = states - 1
        for pair in 0..<Self.pairs {
            let px = block[block.startIndex + 2 * pair]
            let py = block[block.startIndex + 2 * pair + 1]
            for target in 0..<states {
                var least = Lanes(repeating: .infinity)
                var choice = Indices.zero
                for window in target << bitsPerStep..<(target + 1) << bitsPerStep {
                    let dx = px - x[window]
                    let dy = py - y[window]
                    let metric = dx * dx + dy * dy + metrics[window & mask]
                    let isLess = metric .< least
                    least.replace(with: metric, where: isLess)
                    choice.replace(with: Indices(repeating: Int32(window)), where: isLess)
                }
                nextMetrics[target] = least
                decisions[pair * states + target] = choice
            }
            swap(&metrics, &nextMetrics)
        }
        var cost = Lanes.zero
        for lane in 0..<Lanes.scalarCount { cost[lane] = metrics[Int(seam[lane])][lane] }
        return cost
    }

    private mutating func traceBack(from seam: Int32, lane: Int) {
        var state = Int(seam)
        for pair in (0..<Self.pairs).reversed() {
            let window = decisions[pair * states + state][lane]
            path[pair][lane] = window
            state = Int(window) & (states - 1)
        }
    }
}
