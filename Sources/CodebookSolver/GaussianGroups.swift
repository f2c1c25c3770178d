/// Groups of 32 folded Gaussian pairs, eight groups interleaved for `TrellisEncoder`.
struct GaussianGroups: Sendable {
    typealias Lanes = TrellisEncoder.Lanes

    /// The pairs of one block of eight groups.
    static let pairsPerBlock = TrellisEncoder.pairs * Lanes.scalarCount
    private static let blocksPerChunk = 64

    let blockCount: Int
    private let values: [Lanes]

    /// At least `pairs` pairs; the result depends on the seed but not on the number of threads.
    init(pairs: Int, seed: UInt64) async {
        let chunkPairs = Self.blocksPerChunk * Self.pairsPerBlock
        let chunkCount = (pairs + chunkPairs - 1) / chunkPairs
        values = await parallelMap(chunkCount) { chunk in
            var random = RandomSource(seed: seed &+ UInt64(chunk) &* 0xD134_2543_DE82_EF95)
            var values = [Lanes](repeating: .zero, count: 2 * Self.blocksPerChunk * TrellisEncoder.pairs)
            for pair in stride(from: 0, to: values.count, by: 2) {
                for lane in 0..<Lanes.scalarCount {
                    let point = random.gaussianPair()
                    values[pair][lane] = Float(max(abs(point.x), abs(point.y)))
                    values[pair + 1][lane] = Float(min(abs(point.x), abs(point.y)))
                }
            }
            return values
        }.flatMap { $0 }
        blockCount = values.count / (2 * TrellisEncoder.pairs)
    }

    /// The larger and smaller magnitudes of pair t of block `index` are elements 2t and 2t + 1.
    func block(_ index: Int) -> ArraySlice<Lanes> {
        let length = 2 * TrellisEncoder.pairs
        return values[index * length..<(index + 1) * length]
    }
}
