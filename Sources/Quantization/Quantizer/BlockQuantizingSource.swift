package import QAMFormat

/// A source that codes tensors as ggml's block types with error feedback, as far as statistics have their Hessians; all others are left unchanged.
package struct BlockQuantizingSource: WrappingSource {
    package let tensors: [TensorDescriptor]
    package let base: any TensorSource
    package let inputs: [String]
    package let fingerprint: String
    package let warnings: [String]
    private let jobs: [Int: Job]
    private let factors: FeedbackFactors
    private let whole = WholeTensors()

    /// A tensor that is coded: the source of its rows and their encoder.
    private struct Job: Sendable {
        var reader: RowReader
        var encoder: BlockEncoder
        var dtype: DType
        var factor: FeedbackFactors.Key
        /// Whether errors are also fed into other rows, so that the tensor is coded as a whole.
        var feedsRows: Bool

        var rowBytes: Int { reader.columns / dtype.blockElements * dtype.blockBytes }
    }

    /// - Parameters:
    ///   - types: the types that tensors are to have, by index.
    ///   - statistics: of the model; Hessians of outputs are found in the order of its rows.
    ///   - feedback: what errors are fed into, as far as the statistics have Hessians of inputs and outputs.
    ///   - threads: the number of threads that factor matrices and code whole tensors.
    ///   - checkpoint: called regularly meanwhile; an error that it throws ends the read.
    /// - Throws: `QAMError` for metadata of the wrong form.
    package init(
        _ base: any TensorSource, types: [Int: DType], statistics: CalibrationFile, feedback: Quantizer.Feedback, threads: Int,
        checkpoint: @escaping @Sendable () throws -> Void = {}
    ) throws {
        let statistics = try statistics.ordered(for: base)
        var tensors = base.tensors, jobs: [Int: Job] = [:], misfits: [String] = []
        for (tensor, dtype) in types.sorted(by: { $0.key < $1.key }) {
            let descriptor = tensors[tensor], possible = QuantizationChoice.Feedback(statistics, for: descriptor), chosen = feedback.limit(possible)
            guard chosen != .off, BlockCoder(dtype) != nil, descriptor.storage != .raw(dtype), let input = statistics.input(of: descriptor),
                QuantizationPlan.obstacle(descriptor, to: nil) == nil
            else { continue }
            if possible == .columns, let count = statistics.outputCount(of: descriptor.name), count != descriptor.rows { misfits.append(descriptor.name) }
            let reader = try RowReader(base, tensor: tensor, to: nil)
            let encoder = try reader.named { try BlockEncoder(dtype, columns: reader.columns) }
            let key = FeedbackFactors.Key(input: input, transform: encoder.transform, unitColumns: BlockCoder.unitColumns)
            jobs[tensor] = Job(reader: reader, encoder: encoder, dtype: dtype, factor: key, feedsRows: chosen == .columnsAndRows)
            tensors[tensor].storage = .raw(dtype)
        }
        self.base = base
        self.tensors = tensors
        self.jobs = jobs
        inputs = base.inputs + (jobs.isEmpty ? [] : statistics.paths)
        warnings =
            base.warnings
            + (misfits.isEmpty
                ? [] : ["Hessians of outputs that are not theirs, so that errors are fed into columns only: \(Format.list(misfits))"])
        factors = try FeedbackFactors(
            statistics, users: jobs.sorted { $0.key < $1.key }.map { ($0.key, tensors[$0.key].rows, $0.value.factor) }, threads: threads,
            checkpoint: checkpoint)
        let plan = jobs.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.dtype.name)\($0.value.feedsRows ? "/rows" : "")" }
        fingerprint = jobs.isEmpty ? base.fingerprint : "\(base.fingerprint) feedback \(plan.joined(separator: ",")) by \(statistics.fingerprint)"
    }

    package func origin(of tensor: Int) -> Int? { jobs[tensor] == nil ? tensor : nil }

    package func granule(of tensor: Int) -> Int {
        guard let job = jobs[tensor] else { return base.granule(of: tensor) }
        return job.reader.granule * job.rowBytes
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let job = jobs[tensor] else { return try base.read(units, of: tensor) }
        let rows = units.lowerBound / job.rowBytes..<units.upperBound / job.rowBytes
        return try job.reader.named {
            if job.feedsRows {
                let layout = StreamLayout(role: .symbols, extent: .perRow(job.rowBytes))
                return try whole.rows(rows, of: tensor, count: tensors[tensor].rows, [layout]) { try code(tensor, job) }
            }
            let factor = try factors.factor(job.factor), costs = try factors.calibration.outputCosts(of: job.reader.descriptor)
            func coded(_ rows: Range<Int>) throws -> TensorChunk {
                try job.reader.withRows(rows) {
                    try job.encoder.encode(rows: rows.count, firstRow: rows.lowerBound, feedback: factor, outputCosts: costs, fill: $0)
                }
            }
            // Statistics that are computed are read by one thread; the rows are then coded by all.
            let chunk = factors.calibration.isComputed ? try factors.pool.chunks(of: rows, grain: 64, coded) : try coded(rows)
            factors.finish(rows: rows.count, of: tensor, job.factor)
            return chunk
        }
    }

    /// Codes a tensor as a whole.
    private func code(_ tensor: Int, _ job: Job) throws -> TensorChunk {
        let descriptor = job.reader.descriptor, factor = try factors.factor(job.factor)
        defer { factors.finish(rows: descriptor.rows, of: tensor, job.factor) }
        return try job.encoder.encodeAll(
            rows: descriptor.rows, feedback: factor, outputs: { try factors.calibration.outputHessian(of: descriptor.name, rows: $0) },
            vectors: factors.calibration.vectorCount, pool: factors.pool, checkpoint: factors.checkpoint, fill: job.reader.fill)
    }
}
