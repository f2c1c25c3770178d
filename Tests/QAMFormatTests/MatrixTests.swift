import Quantization
import QAMFormat
import Testing

/// Products computed directly from a file's symbols, compared with those of the decoded weights.
@Suite struct MatrixTests {
    private static let columns = 512
    private static let rows = 300

    private static func scale(_ column: Int) -> Float { 0.5 + Float(column % 7) }

    private static func write(_ family: Code.Family, bits: Double, scaled: Bool, to folder: TemporaryFolder) async throws -> QAMReader {
        let path = folder.file("m.qamw")
        var random = CodecRandom(seed: UInt64(bits * 2))
        let encoder = try RowEncoder(family, bits, columns: columns, block: 512, seed: 9, scales: scaled ? (0..<columns).map(scale) : nil)
        var streams = try encoder.encode(random.gaussian(rows * columns)).streams
        if scaled { streams[2] = encoder.channelScaleBytes }
        let tensor = CodedTensor(encoder, rows: rows, seed: 9)
        var source = MemorySource(tensors: [.init(name: "w", shape: [rows, columns], storage: tensor.descriptor.storage)])
        source.shared = tensor.shared
        let stored = streams
        source.byte = { _, stream, position in stored[stream][position] }
        try await QAMFormatTests.write(source, to: path)
        return try QAMReader(path: path, access: .mapped, verifiesPayload: true)
    }

    @Test(
        arguments: [
            (Code.Family.octant, 5.5), (.octant, 3.5), (.octant, 6.5), (.free, 5.5), (.polar, 4.5), (.polar, 6.5), (.int8, 8), (.trellis, 4), (.trellis, 2.5),
        ],
        [false, true])
    func productsAreThoseOfTheWeights(code: (Code.Family, Double), scaled: Bool) async throws {
        let folder = try TemporaryFolder()
        let reader = try await Self.write(code.0, bits: code.1, scaled: scaled, to: folder)
        let tensor = try reader.tensor(named: "w")
        let matrix = try QAMMatrix(tensor)
        var random = CodecRandom(seed: 77)
        var vectors = random.gaussian(3 * Self.columns)
        // Scales are intended for activations that are large where the scales are.
        if scaled { for j in vectors.indices { vectors[j] *= Self.scale(j % Self.columns) } }
        let activations = try matrix.prepare(vectors)
        #expect(activations.count == 3)
        var out = [Float](repeating: .nan, count: 3 * Self.rows), alone = out
        var span = out.mutableSpan
        try matrix.multiply(activations, into: &span, pool: WorkerPool(width: 3))
        var other = alone.mutableSpan
        try matrix.multiply(activations, into: &other)
        #expect(out == alone)

        let weights = try tensor.floats()
        var error = 0.0, norm = 0.0
        for t in 0..<3 {
            for i in 0..<Self.rows {
                var exact = 0.0
                for j in 0..<Self.columns { exact += Double(weights[i * Self.columns + j]) * Double(vectors[t * Self.columns + j]) }
                error += (Double(out[t * Self.rows + i]) - exact) * (Double(out[t * Self.rows + i]) - exact)
                norm += exact * exact
            }
        }
        let relative = (error / norm).squareRoot()
        // The rounding step of vectors that are not rotated depends on their largest coordinate.
        #expect(relative < (code.0.isRotated ? 0.009 : 0.02), "\(relative)")
        #expect(relative > 0.0001, "\(relative)")
    }

    /// Activations prepared for one matrix can be reused for others with the same preparation key.
    @Test func matricesShareActivationsByTheirKeys() async throws {
        func key(_ family: Code.Family, bits: Double, scaled: Bool = false) async throws -> Activations.Key {
            let folder = try TemporaryFolder()
            return try await QAMMatrix(Self.write(family, bits: bits, scaled: scaled, to: folder).tensor(named: "w")).activationKey
        }
        let free = try await key(.free, bits: 4), octant = try await key(.octant, bits: 4), int8 = try await key(.int8, bits: 8)
        #expect(try await key(.polar, bits: 6) == free)
        #expect(try await key(.octant, bits: 6) == octant)
        #expect(try await key(.int8, bits: 8) == int8)
        #expect(free != octant && free != int8 && octant != int8)
        #expect(try await key(.int8, bits: 8, scaled: true) != int8)
    }

    @Test func whatDoesNotFitIsRefused() async throws {
        let folder = try TemporaryFolder()
        let reader = try await Self.write(.octant, bits: 5.5, scaled: false, to: folder)
        let matrix = try QAMMatrix(reader.tensor(named: "w"))
        #expect(throws: QAMError.self) { try matrix.prepare([1, 2, 3]) }
        let activations = try matrix.prepare([Float](repeating: 1, count: Self.columns))
        var out = [Float](repeating: 0, count: Self.rows - 1)
        var span = out.mutableSpan
        do {
            try matrix.multiply(activations, into: &span)
            Issue.record("an output that is too short was taken")
        } catch let error as QAMError {
            #expect(error.code == .invalidArgument)
        }
        let scaledFolder = try TemporaryFolder()
        let scaled = try await QAMMatrix(Self.write(.octant, bits: 5.5, scaled: true, to: scaledFolder).tensor(named: "w"))
        #expect(scaled.activationKey != matrix.activationKey)
    }
}
