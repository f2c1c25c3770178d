internal import QAMFormat

/// The workloads of a model's matrices, in place in its mapped file.
struct ModelSuite {
    /// Coded matrices of equal shape and code.
    private struct Kind: Hashable {
        var shape: [Int]
        var code: CodingDescription
    }

    private let kinds: [(kind: Kind, matrices: [QAMMatrix])]

    /// Throws `invalidArgument` for a file without coded tensors, and errors from reading.
    init(_ reader: QAMReader) throws {
        var matrices: [Kind: [QAMMatrix]] = [:]
        var order: [Kind] = []
        for index in reader.tensors.indices {
            guard case .coded = reader.tensors[index].storage else { continue }
            let tensor = try reader.tensor(at: index)
            guard var code = try tensor.coding else { continue }
            // Seeds do not affect speed.
            code.seed = nil
            let kind = Kind(shape: [tensor.rows, tensor.columns], code: code)
            if matrices[kind] == nil { order.append(kind) }
            matrices[kind, default: []].append(try QAMMatrix(tensor))
        }
        guard !order.isEmpty else { throw QAMError(.invalidArgument, "the model has no coded tensor to measure") }
        kinds = order.map { ($0, matrices[$0] ?? []) }
    }

    /// Each iteration uses all matrices of a kind.
    func workloads(_ kernels: Kernels, _ pool: WorkerPool) throws -> [Workload] {
        try kinds.flatMap { kind, matrices in
            let product = try multiply(kind, matrices, kernels, pool)
            return pool.width == 1 ? [product, dequantize(kind, matrices, kernels)] : [product]
        }
    }

    private func workload(
        _ kernel: Measurement.Kernel, _ kind: Kind, _ matrices: [QAMMatrix], _ kernels: Kernels, threads: Int, _ work: @escaping (Int) throws -> Void
    ) -> Workload {
        var subject = Measurement(kernel, kernels: kernels, threads: threads)
        (subject.codebook, subject.bits) = (kind.code.code.family.name, kind.code.bits)
        (subject.shape, subject.tensorCount) = (kind.shape, matrices.count)
        return Workload(
            subject: subject, weights: matrices.count * kind.shape[0] * kind.shape[1],
            bytes: matrices.reduce(0) { $0 + $1.tensor.descriptor.byteCount }, work: work)
    }

    private func multiply(_ kind: Kind, _ matrices: [QAMMatrix], _ kernels: Kernels, _ pool: WorkerPool) throws -> Workload {
        var generator = SplitMix64(state: 3)
        let vector = generator.gaussians(kind.shape[1])
        let activations = try matrices.map { try $0.prepare(vector) }
        let products = FloatBuffer(count: kind.shape[0])
        return workload(.multiply, kind, matrices, kernels, threads: pool.width) { _ in
            for (matrix, activation) in zip(matrices, activations) {
                try products.withSpan { try matrix.multiply(activation, into: &$0, pool: pool) }
            }
        }
    }

    /// On one thread, into a buffer that stays in its cache.
    private func dequantize(_ kind: Kind, _ matrices: [QAMMatrix], _ kernels: Kernels) -> Workload {
        let rowsOfPiece = max(1, (1 << 16) / kind.shape[1])
        let buffer = FloatBuffer(count: rowsOfPiece * kind.shape[1])
        return workload(.dequantize, kind, matrices, kernels, threads: 1) { _ in
            for matrix in matrices {
                for row in stride(from: 0, to: matrix.rows, by: rowsOfPiece) {
                    let rows = row..<min(row + rowsOfPiece, matrix.rows)
                    try buffer.withSpan { try matrix.tensor.dequantize(rows: rows, into: &$0) }
                }
            }
        }
    }
}
