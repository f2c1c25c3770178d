/// The mean squared error of a codebook on samples that no solver uses.
enum Measurement {
    /// Pairs of components; twice as many samples.
    static let pairs = 1 << 21
    private static let seed: UInt64 = 0x4D45_4153_5552_4544
    private static let chunks = 64

    /// Encodes `pairs` Gaussian pairs with the codec and returns the error per component.
    static func meanSquaredError(of codebook: Codebook) async -> Double {
        if case .octant(let bitsPerStep) = codebook.name, bitsPerStep < 8 {
            let groups = await GaussianGroups(pairs: pairs, seed: seed)
            return await CellStatistics.gather(
                bitsPerStep: bitsPerStep, points: codebook.points, groups: groups, blocks: 0..<groups.blockCount
            ).meanSquaredError
        }
        let search = NearestPoint(codebook.points)
        let isFolded = if case .octant = codebook.name { true } else { false }
        let errors = await parallelMap(chunks) { chunk in
            var random = RandomSource(seed: seed &+ UInt64(chunk))
            var sum = 0.0
            for _ in 0..<pairs / chunks {
                var sample = SIMD2<Float>(random.gaussianPair())
                if isFolded {
                    sample = SIMD2(max(abs(sample.x), abs(sample.y)), min(abs(sample.x), abs(sample.y)))
                }
                sum += Double(search.squaredDistance(to: sample))
            }
            return sum
        }
        return errors.reduce(0, +) / Double(2 * pairs)
    }
}
