/// What Lloyd's update needs of coded samples: how many fell to each window, and their sums.
struct CellStatistics: Sendable {
    private(set) var counts = [Int](repeating: 0, count: TrellisEncoder.windows)
    private(set) var sums = [SIMD2<Double>](repeating: .zero, count: TrellisEncoder.windows)
    private var squaredError = 0.0

    /// The mean squared error per component.
    var meanSquaredError: Double { squaredError / Double(2 * counts.reduce(0, +)) }

    /// The mean of the samples of a window, or nil if there are none.
    func centroid(_ window: Int) -> SIMD2<Double>? {
        counts[window] == 0 ? nil : sums[window] / Double(counts[window])
    }

    /// Codes blocks of groups one after the other.
    mutating func add(_ blocks: Range<Int>, of groups: GaussianGroups, encoder: inout TrellisEncoder) {
        for index in blocks {
            let block = groups.block(index)
            let cost = encoder.encode(block)
            for lane in 0..<TrellisEncoder.Lanes.scalarCount {
                squaredError += Double(cost[lane])
                for (pair, windows) in encoder.path.enumerated() {
                    let window = Int(windows[lane])
                    counts[window] += 1
                    sums[window] += SIMD2(
                        Double(block[block.startIndex + 2 * pair][lane]),
                        Double(block[block.startIndex + 2 * pair + 1][lane]))
                }
            }
        }
    }

    /// Codes a range of blocks on all cores.
    static func gather(
        stride: Int, points: [SIMD2<Float>], groups: GaussianGroups, blocks: Range<Int>
    ) async -> Self {
        let chunk = 32
        let parts = await parallelMap((blocks.count + chunk - 1) / chunk) { index in
            var part = Self()
            var encoder = TrellisEncoder(stride: stride, points: points)
            let start = blocks.lowerBound + index * chunk
            part.add(start..<min(start + chunk, blocks.upperBound), of: groups, encoder: &encoder)
            return part
        }
        return parts.reduce(into: Self()) { $0.merge($1) }
    }

    private mutating func merge(_ other: Self) {
        for window in counts.indices {
            counts[window] += other.counts[window]
            sums[window] += other.sums[window]
        }
        squaredError += other.squaredError
    }
}
