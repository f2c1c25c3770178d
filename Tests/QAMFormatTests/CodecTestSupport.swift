import Quantization
import QAMFormat

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A small generator with a fixed seed, so that every run tests the same values.
struct CodecRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0xD134_2543_DE82_EF95 &+ 0x2545_F491_4F6C_DD1D }

    mutating func next() -> UInt64 {
        // PCG-like: not SplitMix64, which the codec itself uses.
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var x = state
        x ^= x >> 32
        x = x &* 0xD6E8_FEB8_6659_FD93
        return x ^ x >> 29
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 24) } }

    /// Samples of the unit Gaussian.
    mutating func gaussian(_ count: Int) -> [Float] {
        var samples: [Float] = []
        samples.reserveCapacity(count + 1)
        while samples.count < count {
            let radius = (-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self))).squareRoot()
            let angle = 2 * Double.pi * Double.random(in: 0..<1, using: &self)
            samples.append(Float(radius * cos(angle)))
            samples.append(Float(radius * sin(angle)))
        }
        return Array(samples.prefix(count))
    }
}

/// Every codebook that the library has: family and bits.
let everyCode: [(family: Codebook.Family, bits: Double)] =
    (4...13).map { (.free, Double($0) / 2) } + (4...13).map { (.octant, Double($0) / 2) }

func decibels(_ ratio: Double) -> Double { 10 * log10(ratio) }

/// A coded tensor around an encoder.
struct CodedTensor {
    var descriptor: TensorDescriptor
    var shared: SharedTables

    init(_ encoder: QAMEncoder, rows: Int, seed: UInt64) {
        shared = SharedTables(
            codebooks: [CodebookRecord(codec: .qamPairs, bytes: encoder.search.codebook.record)], seeds: [seed])
        descriptor = TensorDescriptor(
            name: "test.weight", shape: [rows, encoder.rotation.columns],
            storage: .coded(
                Coding(
                    codec: .qamPairs, sourceType: .f32, codebook: 0, seed: 0, parameters: encoder.parameters.bytes,
                    streams: encoder.streams)))
    }

    func decode(_ chunk: TensorChunk, scales: [UInt8] = []) throws -> [Float] {
        let whole = [[], []] + (scales.isEmpty ? [] : [scales])
        return try CodecRegistry.decoder(for: descriptor, shared: shared, wholeStreams: whole)
            .decode(chunk, rows: descriptor.rows)
    }
}
