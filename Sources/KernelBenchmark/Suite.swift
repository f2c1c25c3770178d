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
        return Workload(subject: Measurement(.read, kernels: kernels, threads: pool.width), weights: 0, bytes: count) { turn in
            try file.withPiece(turn, count: count) { bytes in
                pool.forEach(0..<count, grain: 1 << 18) { _ = kernels.read(bytes.extracting($0)) }
            }
        }
    }

    /// All kernels of one code.
    func workloads(_ search: CodewordSearch, _ kernels: Kernels, _ pool: WorkerPool) throws -> [Workload] {
        let tables = tables(search.codebook, kernels)
        let product = PairProduct(tables)
        return [
            multiply(product, pool, vectors: 1, rows: (4 << 20) / tables.symbolBytes),
            multiply(product, pool, vectors: Self.batch, rows: 64),
            dequantize(tables, pool),
            try encode(search, kernels, pool),
        ]
    }

    func prepare(_ codebook: Codebook, _ kernels: Kernels) -> Workload {
        let product = PairProduct(tables(codebook, kernels))
        return Workload(
            subject: Measurement(.prepare, kernels: kernels, threads: 1), weights: vectors.count, bytes: 4 * vectors.count
        ) { _ in _ = product.prepare(vectors) }
    }

    private func tables(_ codebook: Codebook, _ kernels: Kernels) -> PairTables {
        PairTables(
            codebook: codebook, rotation: Rotation(columns: Self.columns, blockSize: Self.blockSize, seed: 1), channelScales: nil,
            kernels: kernels)
    }

    private func multiply(_ product: PairProduct, _ pool: WorkerPool, vectors count: Int, rows: Int) -> Workload {
        let tables = product.tables, rowBytes = tables.symbolBytes
        var subject = Measurement(count == 1 ? .multiply : .multiplyBatch, codebook: tables.codebook, kernels: tables.kernels, threads: pool.width)
        subject.batch = count == 1 ? nil : count
        let activations = product.prepare(Array(vectors.prefix(count * Self.columns)))
        let factors = [Float](repeating: 1, count: rows)
        let products = FloatBuffer(count: rows * count)
        let grain = count == 1 ? (1 << 18) / rowBytes : max(1, rows / (4 * pool.width))
        return Workload(subject: subject, weights: rows * Self.columns * count, bytes: rows * rowBytes) { turn in
            try file.withPiece(turn, count: rows * rowBytes) { symbols in
                pool.forEach(0..<rows, grain: grain) { piece in
                    unsafe product.multiply(
                        activations, symbols: symbols.extracting(piece.lowerBound * rowBytes..<piece.upperBound * rowBytes),
                        factors: factors.span.extracting(piece), into: products.pointer(at: piece.lowerBound), rowsApart: rows)
                }
            }
        }
    }

    private func dequantize(_ tables: PairTables, _ pool: WorkerPool) -> Workload {
        // Each thread decodes its share of the rows into its own buffer, which stays in cache.
        let share = 512, rowsOfPiece = 16, rows = share * pool.width, rowBytes = tables.symbolBytes
        let factors = [Float](repeating: 1, count: rowsOfPiece)
        let outputs = (0..<pool.width).map { _ in FloatBuffer(count: rowsOfPiece * Self.columns) }
        let subject = Measurement(.dequantize, codebook: tables.codebook, kernels: tables.kernels, threads: pool.width)
        return Workload(subject: subject, weights: rows * Self.columns, bytes: rows * rowBytes) { turn in
            try file.withPiece(turn, count: rows * rowBytes) { symbols in
                pool.forEach(0..<pool.width, grain: 1) { lane in
                    outputs[lane.lowerBound].withSpan { output in
                        for row in stride(from: lane.lowerBound * share, to: lane.upperBound * share, by: rowsOfPiece) {
                            tables.kernels.dequantize(
                                symbols.extracting(row * rowBytes..<(row + rowsOfPiece) * rowBytes), with: tables, factors: factors,
                                into: &output, at: 0)
                        }
                    }
                }
            }
        }
    }

    private func encode(_ search: CodewordSearch, _ kernels: Kernels, _ pool: WorkerPool) throws -> Workload {
        let encoder = try QAMEncoder(
            search, columns: Self.columns, blockSize: Self.blockSize, seed: 1, gainType: .float16, kernels: kernels)
        let piecesOfTurn = 2 * pool.width, weights = piecesOfTurn * pieces[0].count
        let subject = Measurement(.encode, codebook: search.codebook, kernels: kernels, threads: pool.width)
        return Workload(subject: subject, weights: weights, bytes: 4 * weights) { turn in
            pool.forEach(0..<piecesOfTurn, grain: 1) { piece in
                // Finite weights are never refused.
                _ = try? encoder.encode(pieces[(turn * piecesOfTurn + piece.lowerBound) % pieces.count])
            }
        }
    }
}
