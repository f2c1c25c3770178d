public import CQAMW
import Converters
import Models
import QAMFormat
import Quantization

@c(qamw_quantize) @implementation
public func qamw_quantize(
    _ input: UnsafePointer<CChar>?, _ output: UnsafePointer<CChar>?, _ options: UnsafePointer<qamw_quantize_options>?,
    _ report: UnsafeMutablePointer<qamw_quantize_report>?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let input = try unsafe text(input, "input"), output = try unsafe text(output, "output")
        let given: qamw_quantize_options = try unsafe load(options, "options")
        let request = try unsafe QuantizationRequest(given)
        let callers = unsafe CallersProgress(given.progress, given.context)
        let done = try blocking {
            do {
                return try await request.run(from: input, to: output, callers)
            } catch let error as QAMError {
                throw error.inFile(input)
            }
        }
        if let tell = unsafe given.warning {
            for warning in done.warnings { unsafe warning.withCString { unsafe tell($0, given.context) } }
        }
        if unsafe report != nil { try unsafe store(qamw_quantize_report(done), in: report, "report") }
    }
}

/// What C asks for, in terms of the library.
private struct QuantizationRequest: Sendable {
    private var options = Quantizer.Options()
    private let statistics: String?
    private let calibration: Calibration
    private var container = ContainerOptions()
    private let replaces: Bool

    private enum Calibration {
        case none, ifPossible, required
    }

    /// The text of the calibration, a file, and how much of it is read.
    private let text: (path: String?, tokens: String?, context: Int?, windows: Int?)

    @unsafe init(_ given: qamw_quantize_options) throws {
        let (bits, targetBits, targetBytes, blockSize) = unsafe (given.bits, given.target_bits, given.target_bytes, given.block_size)
        guard [bits != 0, targetBits != 0, targetBytes != 0].count(where: \.self) <= 1 else {
            throw QAMError(.invalidArgument, "bits, target_bits and target_bytes exclude each other")
        }
        if bits != 0 { options.rate = .bits(bits) }
        if targetBits != 0 { options.rate = .average(targetBits) }
        if targetBytes != 0 { options.rate = .bytes(Int(clamping: targetBytes)) }
        if let name = unsafe optionalText(given.codebook) {
            guard let family = CodecRegistry.families.first(where: { $0.name == name }) else {
                throw QAMError(.invalidArgument, "unknown codebook \"\(name)\"")
            }
            options.family = family
        }
        options.effort = try unsafe choice(given.effort, "effort") ?? options.effort
        options.threads = try unsafe threadCount(given.threads)
        options.recipe = try unsafe choice(given.recipe, "recipe") ?? options.recipe
        options.inclusions = try unsafe texts(given.include, given.include_count, "include")
        options.exclusions = try unsafe texts(given.exclude, given.exclude_count, "exclude")
        if blockSize != 0 { options.blockSize = Int(clamping: blockSize) }
        options.seed = unsafe given.seed
        options.feedback = try unsafe choice(given.feedback, "feedback") ?? options.feedback
        options.scaling = try unsafe choice(given.scaling, "scaling")
        options.rawType = try unsafe choice(given.raw_type, "raw_type") ?? options.rawType
        if unsafe given.keeps_gains != 0 { options.fitsGains = false }
        options.isStrict = unsafe given.strict != 0
        statistics = unsafe optionalText(given.statistics)
        text = unsafe (
            optionalText(given.text), optionalText(given.tokens), given.text_context == 0 ? nil : Int(clamping: given.text_context),
            given.text_windows == 0 ? nil : Int(clamping: given.text_windows)
        )
        let hasText = text.path != nil || text.tokens != nil || text.context != nil || text.windows != nil
        switch unsafe Int(given.calibration) {
        case QAMW_CALIBRATE_IF_POSSIBLE: calibration = statistics != nil ? .none : hasText ? .required : .ifPossible
        case QAMW_CALIBRATE: calibration = .required
        case QAMW_PLAIN: calibration = .none
        default: throw QAMError(.invalidArgument, unsafe "unknown calibration \(given.calibration)")
        }
        guard text.path == nil || text.tokens == nil else { throw QAMError(.invalidArgument, "text and tokens exclude each other") }
        guard calibration == .required ? statistics == nil : !hasText else {
            throw QAMError(.invalidArgument, "a text is for a calibration in the same call, which statistics and QAMW_PLAIN exclude")
        }
        container.compressesRaw = unsafe given.compresses_raw != 0
        replaces = unsafe given.replaces != 0
    }

    func run(from input: String, to output: String, _ callers: CallersProgress) async throws -> Done {
        let model = try ModelInput(path: input, takingFiles: true)
        let target = try ModelOutput(output, format: .qamw, from: model.format)
        let weights = try model.weights(toQuantize: true).source
        try target.check(weights, reading: model.configurations, replacing: replaces, plannedBytes: 0)
        try await model.requireSound(threads: options.threads) { try callers.report(QAMW_VERIFYING, $0, $1, "") }
        let source = try AliasingSource(wrapping: weights)
        let gathered = try gathering(from: input, coding: weights, callers), layout = ModelOutput.Layout(container: container)
        let statistics = try gathered.statistics?.statistics ?? statistics.map { try CalibrationFile(StatisticsFile.open($0)) }
        let quantizer = try Quantizer(
            options, statistics: statistics, rateStatistics: gathered.statistics?.rateStatistics ?? statistics, checkpoint: callers.checkpoint,
            fileSize: { try target.plannedByteCount(of: $0, layout) })
        let plan = try await quantizer.plan(for: source, progress: callers.report)
        let least = container.compressesRaw ? 0 : try target.plannedByteCount(of: plan.outline, layout)
        try target.check(source, reading: model.configurations, replacing: replaces, plannedBytes: least)
        let coded = try await plan.codedSource(progress: callers.report)
        let done = try await target.write(coded, layout, replacing: replaces, resuming: false, threads: plan.readingThreads) {
            try callers.report(QAMW_CODING, $0.doneBytes, $0.totalBytes, $0.tensor)
        }
        return Done(
            plan: plan, size: ModelSize(coded), written: done,
            warnings: (gathered.statistics?.warnings ?? []) + plan.warnings + gathered.warnings + done.report.warnings(coded.tensors) + done.warnings
                + (gathered.statistics?.gatheringWarnings ?? []))
    }

    private func gathering(
        from input: String, coding weights: any TensorSource, _ callers: CallersProgress
    ) throws -> (statistics: GatheredStatistics?, warnings: [String]) {
        var request = CalibrationRequest()
        (request.context, request.windows) = (text.context, text.windows)
        if let path = text.path {
            let file = try FileBytes(path: path)
            request.text = .text(try file.read(0..<file.byteCount), path: path)
        }
        if let path = text.tokens { request.text = .tokens(path: path) }
        let calibrating: @Sendable (Int, Int) throws -> Void = { try callers.report(QAMW_CALIBRATING, $0, $1, "") }
        switch calibration {
        case .none: return (nil, [])
        case .ifPossible:
            return try request.prepareIfPossible(model: input, coding: weights, by: options, checkpoint: callers.checkpoint, progress: calibrating)
        case .required:
            let statistics = try request.prepare(
                model: input, hasGradients: options.feedback == .on, threads: options.threads, checkpoint: callers.checkpoint, progress: calibrating)
            return (statistics, [])
        }
    }

    /// What was done.
    struct Done: Sendable {
        let plan: Quantizer.Plan
        let size: ModelSize
        let written: ModelOutput.Written
        let warnings: [String]
    }
}

extension CallersProgress {
    fileprivate func report(_ progress: Quantizer.Progress) throws {
        let phase =
            switch progress.phase {
            case .scaling: QAMW_SCALING
            case .measuring: QAMW_MEASURING
            case .scanning: QAMW_SCANNING
            }
        try report(phase, progress.done, progress.total, progress.item)
    }
}

extension qamw_quantize_report {
    fileprivate init(_ done: QuantizationRequest.Done) {
        let size = done.size, report = done.written.report
        self.init()
        fed_back = UInt32(done.plan.decisions.count { if case .coded(_, feedsBack: true) = $0.outcome { true } else { false } })
        bytes = UInt64(report.bytes)
        weights = UInt64(size.parameters)
        bits_per_weight = size.bitsPerWeight
        coded_bits_per_weight = size.quantizedBitsPerWeight
        nmse = report.totalDistortion?.normalized ?? 0
        gaussian_nmse = done.plan.gaussianError(weighedBy: report.distortion)
        coded = UInt64(size.quantizedCount)
        raw = UInt64(size.rawCount)
        aliased = UInt64(size.aliasCount)
        expected_divergence = report.knownDivergence ?? .nan
    }
}
