/// The statistics that Lloyd's update needs: the number of samples in each window, and their sums.
struct CellStatistics: Sendable {
    private(set) var counts = [Int](repeating: 0, count: TrellisEncoder.windows)
    private(set) var sums = [SIMD2<Double>](repeating: .zero, count: TrellisEncoder.windows)
    private var squaredError = 0.0

    /// The mean squared error per component.
    var meanSquaredError: Double { squaredError / Double(2 * counts.reduce(0, +)) }

    /// The centroid of a window's samples, or nil if there are none.
    func centroid(_ window: Int) -> SIMD2<Double>? {
        counts[window] == 0 ? nil : sums[window] / Double(counts[window])
    }

    /// Encodes blocks of groups in order.
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

    /// Encodes a range of blocks on all cores.
    static func gather(
        bitsPerStep: Int, points: [SIMD2<Float>], groups: GaussianGroups, blocks: Range<Int>
    ) async -> Self {
        let chunk = 32
        let parts = await parallelMap((blocks.count + chunk - 1) / chunk) { index in
            var part = Self()
            var encoder = TrellisEncoder(bitsPerStep: bitsPerStep, points: points)
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
