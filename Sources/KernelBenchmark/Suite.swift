internal import QAMFormat
internal import Quantization

/// The workloads of codes and kernels on random weights.
struct Suite {
    /// The length of rows: that of many models, for which figures are usually given.
    static let columns = 4096
    private static let blockSize = 1024
    /// Vectors per batched product.
    private static let batch = 64

    private let file: RandomFile
    /// Rows of Gaussian weights, several per piece.
    private let pieces: [[Float]]
    private let vectors: [Float]

    /// - Parameter folder: for a temporary file of `RandomFile.byteCount` bytes.
    init(in folder: String) throws {
        file = try RandomFile(in: folder)
        var generator = SplitMix64(state: 2)
        pieces = (0..<128).map { _ in generator.gaussians(8 * Self.columns) }
        vectors = generator.gaussians(Self.batch * Self.columns)
    }

    func read(_ kernels: Kernels, _ pool: WorkerPool) -> Workload {
        let count = 8 << 20
        return Workload(subject: Measurement(.read, kernels: kernels, threads: pool.width), weights: 0, bytes: count) { iteration in
            try file.withPiece(iteration, count: count) { bytes in
                pool.forEach(0..<count, grain: 1 << 18) { _ = kernels.read(bytes.extracting($0)) }
            }
        }
    }

    /// All kernels of one code.
    func workloads(_ coder: any GroupCoder, _ kernels: Kernels, _ pool: WorkerPool) throws -> [Workload] {
        let matrix = try CodedMatrix(coder, columns: Self.columns, blockSize: Self.blockSize, kernels)
        return [
            multiply(matrix, pool, vectors: 1, rows: matrix.layout.grain(bytes: 4 << 20)),
            multiply(matrix, pool, vectors: Self.batch, rows: 64),
            dequantize(matrix, pool),
            encode(matrix, pool),
        ]
    }

    func prepare(_ coder: any GroupCoder, _ kernels: Kernels) throws -> Workload {
        let product = try CodedMatrix(coder, columns: Self.columns, blockSize: Self.blockSize, kernels).product
        return Workload(
            subject: Measurement(.prepare, kernels: kernels, threads: 1), weights: vectors.count, bytes: 4 * vectors.count
        ) { _ in _ = product.prepare(vectors) }
    }

    private func multiply(_ matrix: CodedMatrix, _ pool: WorkerPool, vectors count: Int, rows: Int) -> Workload {
        let product = matrix.product, layout = matrix.layout, byteCount = layout.symbolBytes(rows: rows)
        var subject = Measurement(count == 1 ? .multiply : .multiplyBatch, code: matrix.code, kernels: matrix.kernels, threads: pool.width)
        subject.batch = count == 1 ? nil : count
        let activations = product.prepare(Array(vectors.prefix(count * Self.columns)))
        let factors = [Float](repeating: 1, count: rows)
        let products = FloatBuffer(count: rows * count)
        let grain = count == 1 ? layout.grain(bytes: 1 << 18) : max(layout.groupRows, rows / (4 * pool.width))
        return Workload(subject: subject, weights: rows * Self.columns * count, bytes: byteCount) { iteration in
            try file.withPiece(iteration, count: byteCount) { symbols in
                pool.forEach(0..<rows, grain: grain) { piece in
                    unsafe product.multiply(
                        activations, symbols: symbols.extracting(layout.symbolBytes(rows: piece.lowerBound)..<layout.symbolBytes(rows: piece.upperBound)),
                        factors: factors.span.extracting(piece), into: products.pointer(at: piece.lowerBound), rowsApart: rows)
                }
            }
        }
    }

    private func dequantize(_ matrix: CodedMatrix, _ pool: WorkerPool) -> Workload {
        // Each thread decodes its share of the rows into its own buffer, which stays in cache.
        let share = 512, rowsOfPiece = 16, rows = share * pool.width, layout = matrix.layout, byteCount = layout.symbolBytes(rows: rows)
        let outputs = (0..<pool.width).map { _ in FloatBuffer(count: rowsOfPiece * Self.columns) }
        let gains = matrix.gains(rows: rowsOfPiece)
        let subject = Measurement(.dequantize, code: matrix.code, kernels: matrix.kernels, threads: pool.width)
        return Workload(subject: subject, weights: rows * Self.columns, bytes: byteCount) { iteration in
            try file.withPiece(iteration, count: byteCount) { symbols in
                pool.forEach(0..<pool.width, grain: 1) { lane in
                    outputs[lane.lowerBound].withSpan { output in
                        for row in stride(from: lane.lowerBound * share, to: lane.upperBound * share, by: rowsOfPiece) {
                            // Any symbols decode.
                            try? unsafe matrix.decoder.decode(
                                symbols: symbols.extracting(layout.symbolBytes(rows: row)..<layout.symbolBytes(rows: row + rowsOfPiece)),
                                gains: gains.span.bytes,
                                rows: rowsOfPiece, into: &output, at: 0)
                        }
                    }
                }
            }
        }
    }

    private func encode(_ matrix: CodedMatrix, _ pool: WorkerPool) -> Workload {
        let piecesOfIteration = 2 * pool.width, weights = piecesOfIteration * pieces[0].count
        let subject = Measurement(.encode, code: matrix.code, kernels: matrix.kernels, threads: pool.width)
        return Workload(subject: subject, weights: weights, bytes: 4 * weights) { iteration in
            pool.forEach(0..<piecesOfIteration, grain: 1) { piece in
                // Finite weights are never refused.
                _ = try? matrix.encoder.encode(pieces[(iteration * piecesOfIteration + piece.lowerBound) % pieces.count])
            }
        }
    }
}
