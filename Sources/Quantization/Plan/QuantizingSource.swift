package import QAMFormat

/// A source that codes its planned tensors as they are read, a few rows at a time.
///
/// The gain type of a tensor depends on all its rows, so each planned tensor is read twice: by `scan`, then for coding.
package struct QuantizingSource: WrappingSource {
    package let tensors: [TensorDescriptor]
    package let shared: SharedTables
    package let fingerprint: String
    package let inputs: [String]
    package let base: any TensorSource
    private let jobs: [Int: Job]
    private let factors: FeedbackFactors?
    /// Codes the rows of a chunk concurrently if chunks are read one after another; nil if they are read concurrently.
    private let pool: WorkerPool?
    private let whole = WholeTensors()

    /// Reads all planned tensors once, on up to `threads` tasks, then builds the source. `monitor` gets the bytes done, their total and the tensor's name; an
    /// error that it throws cancels the work.
    ///
    /// - Throws: `QAMError.malformed` with tensor and row for values that are not finite, `invalidArgument` for a plan that does not match the tensors, and
    ///   errors from the base.
    package static func scanning(
        _ base: any TensorSource, plan: QuantizationPlan, calibration: CalibrationFile? = nil, threads: Int,
        checkpoint: @escaping @Sendable () throws -> Void = {}, monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws -> QuantizingSource {
        // A work item is a range of rows, so that one huge tensor keeps all threads busy too.
        var pieces: [(tensor: Int, rows: Range<Int>, choice: QuantizationChoice)] = []
        for (tensor, choice) in plan.choices.sorted(by: { $0.key < $1.key }) {
            let rows = try RowReader(base, tensor: tensor, to: choice.code.family)
            pieces += rows.ranges(ofBytes: 1 << 19).map { (tensor, $0, choice) }
        }
        let work = pieces
        let total = plan.choices.keys.reduce(0) { $0 + base.tensors[$1].byteCount }
        var done = 0
        var gainTypes: [Int: GainType] = [:]
        try await orderedMap(0..<work.count, width: threads) { index in
            let piece = work[index]
            return try scan(piece.rows, of: piece.tensor, in: base, choice: piece.choice)
        } consume: { index, gainType in
            let tensor = work[index].tensor
            try monitor(done, total, base.tensors[tensor].name)
            done += base.tensors[tensor].byteCount / max(1, base.tensors[tensor].rows) * work[index].rows.count
            if gainType == .float32 || gainTypes[tensor] == nil { gainTypes[tensor] = gainType }
        }
        return try QuantizingSource(base, plan: plan, gainTypes: gainTypes, calibration: calibration, threads: threads, checkpoint: checkpoint)
    }

    /// The gain type that these rows of a tensor need. A tensor uses float16 only if all its rows do.
    ///
    /// - Throws: `QAMError.malformed` with tensor and row for values that are not finite.
    package static func scan(
        _ rows: Range<Int>, of tensor: Int, in base: any TensorSource, choice: QuantizationChoice
    ) throws -> GainType {
        let reader = try RowReader(base, tensor: tensor, to: choice.code.family)
        return try reader.named {
            let scan = try GainScan(choice.code.family, columns: reader.columns, channelScales: choice.channelScales)
            return try reader.withRows(rows) { try scan.gainType(rows: rows.count, firstRow: rows.lowerBound, fill: $0) }
        }
    }

    /// - Parameters:
    ///   - gainTypes: the results of `scan` for each planned tensor.
    ///   - calibration: has the Hessians of the inputs of all tensors planned with feedback.
    ///   - threads: the number of threads that factor matrices and code whole tensors.
    ///   - checkpoint: called regularly meanwhile; an error that it throws ends the read.
    /// - Throws: `QAMError.invalidArgument` for a plan that does not match the tensors.
    package init(
        _ base: any TensorSource, plan: QuantizationPlan, gainTypes: [Int: GainType], calibration: CalibrationFile? = nil, threads: Int = 1,
        checkpoint: @escaping @Sendable () throws -> Void = {}
    ) throws {
        var tensors = base.tensors, shared = base.shared
        var coders: [Code: (coder: any GroupCoder, codebook: Int?)] = [:]
        var jobs: [Int: Job] = [:]
        for (tensor, choice) in plan.choices.sorted(by: { $0.key < $1.key }) {
            let reader = try RowReader(base, tensor: tensor, to: choice.code.family)
            guard let gainType = gainTypes[tensor] else {
                throw QAMError(.invalidArgument, "no gain type is given", at: .init(tensor: reader.descriptor.name))
            }
            let coder: any GroupCoder, codebook: Int?
            if let known = coders[choice.code] {
                (coder, codebook) = known
            } else {
                coder = try Coders.coder(choice.code, effort: plan.effort)
                codebook = coder.codebook.map { shared.codebooks.indexAppending($0) }
                coders[choice.code] = (coder, codebook)
            }
            let encoder = try reader.named {
                try choice.encoder(coder, columns: reader.columns, gainType: gainType, refit: plan.refit)
            }
            var factor: FeedbackFactors.Key?
            if choice.feedback != .off {
                let possible = calibration.map { QuantizationChoice.Feedback($0, for: reader.descriptor) } ?? .off
                guard let input = calibration?.input(of: reader.descriptor.name), possible == .columnsAndRows || possible == choice.feedback else {
                    throw QAMError(
                        .invalidArgument, "feedback needs the Hessian of the input, which the statistics do not have", at: .init(tensor: reader.descriptor.name)
                    )
                }
                factor = FeedbackFactors.Key(input: input, transform: encoder.transform, unitColumns: type(of: coder).unitColumns)
            }
            jobs[tensor] = Job(reader: reader, encoder: encoder, factor: factor, feedsRows: choice.feedback == .columnsAndRows)
            let seed = encoder.transform.rotation == nil ? nil : shared.seeds.indexAppending(choice.seed)
            tensors[tensor].storage = .coded(encoder.coding(sourceType: reader.dtype, codebook: codebook, seed: seed))
        }
        self.base = base
        inputs = base.inputs + (calibration?.paths ?? [])
        self.tensors = tensors
        self.shared = shared
        self.jobs = jobs
        let users = jobs.keys.sorted().compactMap { tensor in jobs[tensor]?.factor.map { (tensor, tensors[tensor].rows, $0) } }
        factors = try calibration.flatMap { users.isEmpty ? nil : try FeedbackFactors($0, users: users, threads: threads, checkpoint: checkpoint) }
        pool = calibration?.isComputed == true ? try factors?.pool ?? WorkerPool(width: threads) : nil
        let feedback = users.isEmpty ? "" : " by \(calibration?.fingerprint ?? "")"
        fingerprint = "\(base.fingerprint) \(plan.fingerprint)\(feedback)"
    }

    /// The source with float16 gains, built without reading weights: its minimum size.
    static func outline(of base: any TensorSource, plan: QuantizationPlan, calibration: CalibrationFile?) throws -> QuantizingSource {
        try QuantizingSource(base, plan: plan, gainTypes: plan.choices.mapValues { _ in .float16 }, calibration: calibration)
    }

    /// A planned tensor: the source of its rows and their encoder.
    private struct Job: Sendable {
        var reader: RowReader
        var encoder: RowEncoder
        /// The factor for feedback, if used.
        var factor: FeedbackFactors.Key?
        /// Whether errors are also fed into other rows, so that the tensor is coded as a whole.
        var feedsRows: Bool
    }

    package func origin(of tensor: Int) -> Int? { jobs[tensor] == nil ? tensor : nil }

    package func granule(of tensor: Int) -> Int {
        guard let job = jobs[tensor] else { return base.granule(of: tensor) }
        let rows = job.reader.granule, groupRows = job.encoder.layout.groupRows
        return rows / greatestCommonDivisor(rows, groupRows) * groupRows
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard let job = jobs[tensor] else { return try base.read(units, of: tensor) }
        return try job.reader.named {
            guard let factors, let key = job.factor else { return try code(units, of: tensor, job) }
            if job.feedsRows {
                return try whole.rows(units, of: tensor, count: tensors[tensor].rows, job.encoder.layout.streams) { try code(tensor, job, factors, key) }
            }
            let costs = try factors.calibration.outputCosts(of: job.reader.descriptor)
            let chunk = try code(units, of: tensor, job, feedback: (factors.factor(key), costs))
            factors.finish(rows: units.count, of: tensor, key)
            return chunk
        }
    }

    /// What errors are fed into later columns by, and what errors of each output cost, if known.
    private typealias RowFeedback = (factor: FeedbackFactor, costs: [Float]?)

    /// Codes rows.
    private func code(_ rows: Range<Int>, of tensor: Int, _ job: Job, feedback: RowFeedback? = nil) throws -> TensorChunk {
        guard let pool else { return try encode(rows, job, feedback) }
        let granule = granule(of: tensor)
        return try pool.chunks(of: rows, grain: max(1, 64 / granule) * granule) { try encode($0, job, feedback) }
    }

    private func encode(_ rows: Range<Int>, _ job: Job, _ feedback: RowFeedback?) throws -> TensorChunk {
        try job.reader.withRows(rows) { fill in
            guard let feedback else { return try job.encoder.encode(rows: rows.count, firstRow: rows.lowerBound, fill: fill) }
            return try job.encoder.encode(
                rows: rows.count, firstRow: rows.lowerBound, feedback: feedback.factor, outputCosts: feedback.costs, fill: fill)
        }
    }

    /// Codes a tensor as a whole.
    private func code(_ tensor: Int, _ job: Job, _ factors: FeedbackFactors, _ key: FeedbackFactors.Key) throws -> TensorChunk {
        let descriptor = job.reader.descriptor, factor = try factors.factor(key)
        defer { factors.finish(rows: descriptor.rows, of: tensor, key) }
        return try job.encoder.encodeAll(
            rows: descriptor.rows, feedback: factor, outputs: { try factors.calibration.outputHessian(of: descriptor.name, rows: $0) },
            vectors: factors.calibration.vectorCount, pool: factors.pool, checkpoint: factors.checkpoint,
            fill: job.reader.fill)
    }

    package func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        guard let encoder = jobs[tensor]?.encoder else { return try base.readWhole(stream: stream, of: tensor) }
        let streams = encoder.layout.streams
        guard streams.indices.contains(stream), streams[stream].role == .channelScales else {
            throw QAMError(
                .invalidArgument, "stream \(stream) is not a stream of the whole tensor", at: .init(tensor: tensors[tensor].name))
        }
        return encoder.channelScaleBytes
    }
}

extension Array where Element: Equatable {
    /// The index of an equal element, appended if there is none.
    fileprivate mutating func indexAppending(_ element: Element) -> Int {
        if let index = firstIndex(of: element) { return index }
        append(element)
        return count - 1
    }
}
