import Quantization
import QAMFormat
import Testing

/// The shipped codebooks on Gaussian samples that the solver did not use.
@Suite struct CodecQualityTests {
    private static let samples: [Float] = {
        var random = CodecRandom(seed: 20_260_701)
        return random.gaussian(4 << 20)
    }()

    /// Mean squared error per weight, without rotation and gains.
    private static func error(_ family: Code.Family, bits: Double) throws -> Double {
        let search = try CodewordSearch(Codebook.builtIn(Code(family, bits: bits)))
        var symbols = [UInt8](repeating: 0, count: search.codebook.code.groupBytes(columns: 4096))
        var y = [Float](repeating: 0, count: 4096)
        let unit = family == .octant ? search.codebook.step : 1
        var sum = 0.0
        for start in stride(from: 0, to: samples.count, by: 4096) {
            let z = Array(samples[start..<start + 4096])
            Kernels.chosen.encode(z, with: search, into: &symbols, at: symbols.indices)
            Kernels.chosen.decode(symbols.span, with: search.codebook, into: &y, at: y.indices)
            for j in 0..<4096 {
                let difference = Double(z[j]) - Double(y[j] * unit)
                sum += difference * difference
            }
        }
        return sum / Double(samples.count)
    }

    /// Errors of converged Lloyd-Max quantizers, by bits per symbol.
    static let lloydMax: [(bits: Int, error: Double)] = [
        (4, 1.0760e-1), (6, 2.9710e-2), (7, 1.5214e-2), (8, 7.7277e-3), (9, 3.9065e-3), (10, 1.9665e-3), (11, 9.8603e-4),
        (12, 4.9311e-4), (13, 2.0153 / 8192),
    ]

    @Test(arguments: lloydMax.indices)
    func freeCodesAreConverged(_ index: Int) throws {
        let (bits, expected) = Self.lloydMax[index]
        let error = try Self.error(.free, bits: Double(bits) / 2)
        #expect(error < expected * 1.01, "\(bits) bits: \(error)")
        #expect(error > expected * 0.99, "\(bits) bits: \(error)")
    }

    static let octantBounds: [(bits: Double, error: Double)] = [
        (5.5, 1.03e-3), (5.0, 1.72e-3), (4.5, 3.15e-3), (4.0, 6.0e-3), (3.5, 1.25e-2),
    ]

    @Test(arguments: octantBounds.indices)
    func octantCodesReachTheirBounds(_ index: Int) throws {
        let (bits, bound) = Self.octantBounds[index]
        let error = try Self.error(.octant, bits: bits)
        #expect(error <= bound, "\(bits) bits: \(error)")
    }

    @Test(arguments: [3.0, 2.5, 2.0])
    func octantBeatsFreeAtLowRates(_ bits: Double) throws {
        let octant = try Self.error(.octant, bits: bits), free = try Self.error(.free, bits: bits)
        #expect(octant < free, "\(bits) bits: \(octant) and \(free)")
    }

    @Test(arguments: everyPairCode.indices)
    func recordsComeBackUnchanged(_ index: Int) throws {
        let (family, bits) = everyPairCode[index]
        let codebook = try Codebook.builtIn(Code(family, bits: bits))
        #expect(codebook.code.bits == bits)
        #expect(try Codebook(record: codebook.record) == codebook)
    }
}
