import Quantization
import QAMFormat
import Testing

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
        // Similar to PCG, unlike SplitMix64, which the codec uses.
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var x = state
        x ^= x >> 32
        x = x &* 0xD6E8_FEB8_6659_FD93
        return x ^ x >> 29
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 24) } }

    /// Samples of the standard Gaussian distribution.
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

/// Every codebook of pairs in the library: family and bits.
let everyPairCode: [(family: Code.Family, bits: Double)] = [Code.Family.free, .octant].flatMap { family in family.codes.map { (family, $0.bits) } }

/// Every code in the library: family and bits.
let everyCode: [(family: Code.Family, bits: Double)] = CodecRegistry.families.flatMap { family in family.codes.map { (family, $0.bits) } }

extension RowEncoder {
    /// An encoder for a code of any family, in blocks if it is rotated.
    init(
        _ family: Code.Family, _ bits: Double, columns: Int, block: Int, seed: UInt64 = 5, gainType: GainType = .float32,
        scales: [Float]? = nil, refit: Bool? = nil
    ) throws {
        let coder = try Coders.coder(Code(family, bits: bits))
        try self.init(
            coder, columns: columns, blockSize: family.isRotated ? block : nil, seed: seed, gainType: gainType, channelScales: scales, refit: refit)
    }

    /// The rotation of a code that has one.
    var rotation: Rotation { get throws { try #require(transform.rotation) } }

    /// The search of a code of pairs.
    var search: CodewordSearch { get throws { try #require((coder as? PairCoder)?.search) } }
}

func decibels(_ ratio: Double) -> Double { 10 * log10(ratio) }

/// A coded tensor, made by an encoder.
struct CodedTensor {
    var descriptor: TensorDescriptor
    var shared: SharedTables

    init(_ encoder: RowEncoder, rows: Int, seed: UInt64) {
        let codebook = encoder.coder.codebook
        shared = SharedTables(codebooks: codebook.map { [$0] } ?? [], seeds: [seed])
        descriptor = TensorDescriptor(
            name: "test.weight", shape: [rows, encoder.columns],
            storage: .coded(
                encoder.coding(sourceType: .f32, codebook: codebook == nil ? nil : 0, seed: encoder.transform.rotation == nil ? nil : 0)))
    }

    func decode(_ chunk: TensorChunk, scales: [UInt8] = []) throws -> [Float] {
        let whole = [[], []] + (scales.isEmpty ? [] : [scales])
        return try CodecRegistry.decoder(for: descriptor, shared: shared, wholeStreams: whole)
            .decode(chunk, rows: descriptor.rows)
    }
}
