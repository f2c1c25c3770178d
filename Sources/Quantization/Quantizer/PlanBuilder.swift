internal import QAMFormat

/// The steps from options and a source to a plan.
struct PlanBuilder {
    private let quantizer: Quantizer
    /// The model, its uncoded tensors with the requested type.
    private let source: any TensorSource
    private let statistics: CalibrationFile?
    private(set) var choices: QuantizationPlan
    private var decisions: [Quantizer.Plan.Decision] = []
    /// Tensors whose bits are not set by a rule.
    private var free: [Int] = []
    private var scaling: [ScalingOutcome]?

    private var options: Quantizer.Options { quantizer.options }

    /// Applies the recipe to every tensor.
    init(_ quantizer: Quantizer, _ source: any TensorSource) throws {
        let options = quantizer.options, recipe = quantizer.recipe
        self.quantizer = quantizer
        let statistics = try quantizer.statistics?.ordered(for: source)
        self.statistics = statistics
        let source = statistics?.ordering(source) ?? source
        choices = QuantizationPlan(choices: [:], refit: options.fitsGains, effort: options.effort)
        for (index, tensor) in source.tensors.enumerated() {
            if case .alias = tensor.storage { continue }
            try quantizer.checkpoint()
            let outcome: Quantizer.Plan.Decision.Outcome
            switch recipe.decision(for: tensor) {
            case .code(let code):
                let possible = statistics.map { QuantizationChoice.Feedback($0, for: tensor) } ?? .off
                if possible == .off, let reason = recipe.reasonToLeaveWithoutFeedback(tensor) {
                    outcome = .left(reason: reason)
                    break
                }
                if !recipe.hasOwnBits(tensor.name) { free.append(index) }
                let feedback = options.feedback.limit(possible)
                choices.choices[index] = QuantizationChoice(
                    code, blockSizeCap: options.blockSize, seed: options.seed, feedback: feedback)
                outcome = .coded(bits: code.bits, feedsBack: feedback != .off)
            case .leave(let reason, let wanted):
                guard !(options.isStrict && wanted) else {
                    throw QAMError(
                        .unsupported, "it cannot be quantized (\(reason)), and nothing that is wanted may be left; exclude it",
                        at: .init(tensor: tensor.name))
                }
                outcome = .left(reason: reason)
            }
            decisions.append(.init(tensor: index, name: tensor.name, weights: tensor.elementCount, outcome: outcome))
        }
        let coded = Set(choices.choices.keys.map { ExactName(source.tensors[$0].name) })
        self.source =
            try options.rawType.dtype.map { type in
                try CastingSource(source) { coded.contains(ExactName($0.name)) ? nil : type }
            } ?? source
    }

    /// Scales channels, if requested or the default.
    mutating func scale(_ progress: (Quantizer.Progress) throws -> Void) async throws {
        let leavesOut = choices.choices.values.contains { $0.feedback != .off } || !options.family.isRotated
        guard let statistics, let rule = options.scaling.map(\.rule) ?? (leavesOut ? nil : .optimal) else { return }
        scaling = try await rule.apply(to: &choices, of: source, by: statistics, threads: options.threads, checkpoint: quantizer.checkpoint) {
            try progress(.init(phase: .scaling, done: $0, total: $1, item: $2))
        }
    }

    /// Chooses the rates of free tensors, if an average is given.
    mutating func chooseRates(_ progress: (Quantizer.Progress) throws -> Void) async throws -> RateChoice? {
        guard let statistics = try quantizer.rateStatistics?.ordered(for: source), options.rate.isChosen || choosesByDefault(statistics) else { return nil }
        // Statistics may have to be gathered before the first tensor.
        try progress(.init(phase: .measuring, done: 0, total: free.count, item: ""))
        let measured = try await RateMeasurement.measure(
            free, of: source, plan: choices, by: statistics, threads: options.threads, checkpoint: quantizer.checkpoint
        ) {
            try progress(.init(phase: .measuring, done: $0, total: $1, item: $2))
        }
        let rates: RateChoice
        switch options.rate {
        case .bits: return nil
        case .usual:
            // The size that the usual rate would give.
            let limit = ModelSize(try QuantizingSource.outline(of: source, plan: choices, calibration: statistics)).storedBytes
            rates = try RateChoice(measured, for: &choices, of: source, by: statistics, limit: limit) { ModelSize($0).storedBytes }
        case .average(let target):
            let bytes = Double(ModelSize(source).parameters) * target / 8
            rates = try RateChoice(measured, for: &choices, of: source, by: statistics, limit: Int(bytes)) { ModelSize($0).storedBytes }
        case .bytes(let bytes):
            rates = try RateChoice(measured, for: &choices, of: source, by: statistics, limit: bytes, size: quantizer.fileSize)
        }
        for index in decisions.indices {
            guard case .coded(_, let feedsBack) = decisions[index].outcome, let choice = choices.choices[decisions[index].tensor] else { continue }
            decisions[index].outcome = .coded(bits: choice.code.bits, feedsBack: feedsBack)
        }
        return rates
    }

    /// Whether the rates of free tensors are chosen though none are asked for: if it is known what errors of all of them do to the predictions.
    private func choosesByDefault(_ statistics: CalibrationFile) -> Bool {
        options.rate == .usual && options.family.codes.count > 1 && options.feedback == .on && !free.isEmpty
            && free.allSatisfy { statistics.measuresDivergence(of: source.tensors[$0]) }
    }

    func plan(rates: RateChoice?) throws -> Quantizer.Plan {
        let outline = try QuantizingSource.outline(of: source, plan: choices, calibration: statistics)
        return Quantizer.Plan(
            decisions: decisions, scaling: scaling, rates: rates, warnings: warnings(outline), outline: outline, source: source, choices: choices,
            quantizer: quantizer, statistics: statistics, gaussianErrors: try gaussianErrors())
    }

    private func warnings(_ outline: any TensorSource) -> [String] {
        let tensors = source.tensors
        var warnings = source.warnings + quantizer.recipe.unmatchedPatterns(in: tensors).map { "\"\($0)\" matches the name of no tensor" }
        let types = choices.choices.keys.compactMap { index -> String? in
            guard case .raw(let dtype) = tensors[index].storage, dtype.blockElements > 1 else { return nil }
            return dtype.name
        }
        if !types.isEmpty {
            let names = Set(types).sorted().joined(separator: ", ")
            warnings.append(
                "\(Format.count(types.count, "tensor")) had been quantized before (\(names)) and are coded a second time; the error is that against these values, and comes on top"
            )
        }
        if let statistics {
            let unknown = choices.choices.keys.sorted().map { tensors[$0] }.filter { statistics.input(of: $0) == nil }
            if let first = unknown.first {
                warnings.append(
                    "the calibration has no statistics for \(Format.count(unknown.count, "quantized tensor")) of this shape, \"\(first.name)\" the first")
            }
        }
        if choices.choices.isEmpty { warnings.append("no tensor was quantized") }
        return warnings + Self.costOfRaw(outline, options.rawType)
    }

    /// A warning if uncoded tensors in F32, mostly embeddings, take a considerable share of the output.
    private static func costOfRaw(_ outline: any TensorSource, _ type: Quantizer.RawType) -> [String] {
        let size = ModelSize(outline)
        let bytes = outline.tensors.reduce(0) { $0 + ($1.storage == .raw(.f32) ? $1.byteCount : 0) }
        guard type == .keep, size.quantizedCount > 0, bytes >= size.bytes / 20 else { return [] }
        return [
            "tensors that stay raw are F32 and take \(Format.bytes(bytes)), \(100 * bytes / max(1, size.bytes))% of all tensors' bytes; "
                + "--raw-dtype bf16 halves them"
        ]
    }

    /// The error on Gaussian data of each coded tensor's code; measured once per code.
    private func gaussianErrors() throws -> [Int: Double] {
        var errors: [Code: Double] = [:]
        return try choices.choices.mapValues { choice in
            let error = try errors[choice.code] ?? GaussianReference.normalizedError(choice.code, effort: choices.effort)
            errors[choice.code] = error
            return error
        }
    }
}
