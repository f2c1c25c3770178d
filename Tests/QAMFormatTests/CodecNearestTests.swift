import Quantization
import QAMFormat
import Testing

/// The candidate grid, compared with an exhaustive search.
@Suite struct CodecNearestTests {
    /// Codes that are searched pair by pair.
    static let plain = everyPairCode.filter { $0.family == .free || $0.bits >= 5.5 }

    @Test(arguments: plain.indices)
    func gridFindsTheNearestCodeword(_ index: Int) throws {
        let (family, bits) = Self.plain[index]
        let search = try CodewordSearch(Codebook.builtIn(Code(family, bits: bits)))
        guard case .grid(let grid) = search.method else {
            Issue.record("\(family) \(bits) has no grid")
            return
        }
        var random = CodecRandom(seed: UInt64(index))
        var points: [(x: Float, y: Float)] = []
        func add(_ x: Float, _ y: Float) {
            // Octant codes fold a point before the lookup.
            points.append(family == .octant ? (max(abs(x), abs(y)), min(abs(x), abs(y))) : (x, y))
        }

        let gaussian = random.gaussian(6000)
        for i in stride(from: 0, to: gaussian.count, by: 2) { add(gaussian[i], gaussian[i + 1]) }
        let reach = 1.2 * abs(grid.origin) + Float(grid.side) / grid.cellsPerUnit
        for _ in 0..<1000 { add(Float.random(in: -reach...reach, using: &random), Float.random(in: -reach...reach, using: &random)) }
        for _ in 0..<1000 {
            // Cell borders and corners, and the adjacent floats.
            let border = grid.origin + Float(Int.random(in: 0...grid.side, using: &random)) / grid.cellsPerUnit
            let other = grid.origin + Float(Int.random(in: 0...grid.side, using: &random)) / grid.cellsPerUnit
            add(border, other)
            add(border.nextUp, Float.random(in: -4...4, using: &random))
            add(Float.random(in: -4...4, using: &random), border.nextDown)
        }
        for _ in 0..<1000 {
            // The codewords themselves, and points equidistant from two.
            let a = 2 * Int.random(in: 0..<search.codebook.count, using: &random), b = (a + 2) % search.points.count
            add(search.points[a], search.points[a + 1])
            add((search.points[a] + search.points[b]) / 2, (search.points[a + 1] + search.points[b + 1]) / 2)
        }
        for x: Float in [0, -0.0, 1e-30, 100, -1e6, 1e18] { for y: Float in [0, -0.0, 1e-30, -100, 1e18] { add(x, y) } }

        let z = points.flatMap { [$0.x, $0.y] }
        let reference = CodecReference(record: search.codebook.record, columns: z.count, blockSize: 2, seed: 0)
        let expected = reference.encode(z)
        var symbols = [UInt8](repeating: 0, count: expected.count)
        Kernels.chosen.encode(z, with: search, into: &symbols, at: symbols.indices)
        #expect(symbols == expected)
    }

    /// On a lattice, every border between codewords consists of exact ties.
    @Test func tiesGoToTheLowestIndex() throws {
        var record: [UInt8] = [1, 8, 8, 0, 0, 0, 0, 0]
        for k in 0..<256 {
            for value in [Float(k % 16) - 7.5, Float(k / 16) - 7.5] {
                for shift in stride(from: UInt32(0), to: 32, by: 8) { record.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift)) }
            }
        }
        let search = try CodewordSearch(Codebook(record: record))
        let z = (-36...36).flatMap { y in (-36...36).flatMap { x in [Float(x) / 4, Float(y) / 4] } }
        let expected = CodecReference(record: record, columns: z.count, blockSize: 2, seed: 0).encode(z)
        var symbols = [UInt8](repeating: 0, count: expected.count)
        Kernels.chosen.encode(z, with: search, into: &symbols, at: symbols.indices)
        #expect(symbols == expected)
    }

    /// Equal codewords, and codewords that all coincide.
    @Test func degenerateCodebooksAreSearchedToo() throws {
        var random = CodecRandom(seed: 1)
        for spread in [0, 1, 3] {
            var record: [UInt8] = [1, 6, 6, 0, 0, 0, 0, 0]
            for _ in 0..<128 {
                let value = Float(Int.random(in: 0...spread, using: &random)) + 0.5
                for shift in stride(from: UInt32(0), to: 32, by: 8) { record.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift)) }
            }
            let search = try CodewordSearch(Codebook(record: record))
            let z = random.gaussian(4096).map { $0 * 3 }
            let expected = CodecReference(record: record, columns: z.count, blockSize: 2, seed: 0).encode(z)
            var symbols = [UInt8](repeating: 0, count: expected.count)
            Kernels.chosen.encode(z, with: search, into: &symbols, at: symbols.indices)
            #expect(symbols == expected)
        }
    }
}
