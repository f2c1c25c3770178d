internal import Architectures
internal import ArgumentParser
internal import Authenticity
internal import Converters
internal import Models
internal import QAMFormat
internal import Quantization

struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model in another format or with other types.",
        discussion: """
            The output's format is what --to says, or what its name ends in; a folder takes safetensors from .qamw and \
            .qamw from others. In safetensors and GGUF quantized tensors are decoded; in .qamw they stay as they are, and --dtype is for \
            the others. --packed carries them through safetensors or GGUF undecoded: converting such a file to .qamw gives the same bytes that it was packed from.

            A .qamw file is verified first, so that no damage gets into the output.

            A folder of safetensors gets shards of at most 5GB with an index, or what --max-shard-size says. GGUF and .qamw are split \
            only with --max-shard-size, into files named as llama.cpp does (NAME-00001-of-00003.gguf), of which the first opens all. A folder also gets \
            the side files (config.json, tokenizer.json and their like), for which a single file of these formats has no place. None of \
            them takes the name of a file of the model itself; what is not written is named in a warning.

            Into GGUF and from it to safetensors, tensors get the names, the order of rows and the metadata of the other \
            world, where the architecture is known (llama, mistral, qwen2, qwen3, gemma2, gemma3_text, phi3); config.json and \
            the tokenizer become metadata and come back. --names says it otherwise: hf, gguf, or keep. Into .qamw names are \
            kept, and --packed never changes them. Of a model with several parts (vision, audio) GGUF gets the language model.

            With --dtype, GGUF's one-dimensional tensors and norms become F32, as loaders want them. Into GGUF it also takes ggml's block types \
            and llama.cpp's mixtures of them (q4_k_m), with scales and minima that are searched for the least error, weighed by --calibration. \
            If that has Hessians (calibrate --hessian or --fisher), codes are chosen with error feedback, which lowers the error of the predictions far more. --pure \
            gives all matrices one type. Rows that are not whole blocks get a type with smaller blocks, or F16. ggml's block types become F16 in safetensors, if --dtype says nothing else. \
            torch_dtype in config.json says what was written.

            --lora merges adapters of PEFT into the weights. An adapter's folder as INPUT becomes llama.cpp's adapter with --to gguf; the \
            configuration of its model is --base, or else config.json beside it or in the local folder that it names.

            A checkpoint that another tool has quantized (FP8, GPTQ, AWQ, bitsandbytes, MLX, compressed-tensors, ModelOpt, MXFP4) is \
            dequantized by its own rules. One whose method is not known can be copied between safetensors and .qamw as it is; what would \
            need its weights is refused.

            Example:
              qamw convert llama.qamw llama-bf16/ --dtype bf16
              qamw convert models/llama llama.gguf --dtype q4_k_m --calibration llama.stats.safetensors
            """)

    @Argument(help: "The model to read.", completion: .file())
    var input: String

    @Argument(help: "The file or folder to write.", completion: .file())
    var output: String

    @Option(help: "The output's format.")
    var to: OutputFormat?

    @Option(
        help: "The type of floating-point tensors; in .qamw quantized ones stay quantized. ggml's block types and llama.cpp's mixtures of them are for GGUF.")
    var dtype = TargetType.keep

    @Option(
        help: ArgumentHelp(
            "For GGUF, instead of --dtype: choose the block type of each matrix so that errors cost least, with so many bits per weight of the whole model.",
            valueName: "bits"))
    var targetBpw: Double?

    @Option(
        help: ArgumentHelp("The same with the size of the whole file: a number with B, KB, MB, GB, KiB, MiB or GiB.", valueName: "size"),
        transform: ByteSize.init)
    var targetBytes: ByteSize?

    @Flag(help: "With a mixture as --dtype: all matrices get its main type.")
    var pure = false

    @OptionGroup var calibration: CalibrationOptions

    @Option(
        help: """
            Feed the error of each column into the columns and rows after it, as far as the calibration has Hessians of inputs and outputs; \
            "columns" into columns only. (default: on)
            """)
    var feedback: Quantizer.Feedback?

    @Option(help: "The naming convention and layout of tensors. (default: that of the output's format; keep for .qamw and with --packed)")
    var names: TargetNames?

    @Option(help: ArgumentHelp("The pre-tokenizer's name for GGUF, if it cannot be derived from tokenizer.json.", valueName: "name"))
    var tokenizerPre: String?

    @Flag(help: "Store quantized tensors losslessly in safetensors or GGUF.")
    var packed = false

    @Option(help: ArgumentHelp("Merge the LoRA adapter in this folder into the weights; may be repeated.", valueName: "folder"), completion: .directory)
    var lora: [String] = []

    @Option(help: ArgumentHelp("For an adapter as INPUT: the folder or config.json of the model that it belongs to.", valueName: "folder"), completion: .file())
    var base: String?

    @Option(help: ArgumentHelp("The largest shard: a number with B, KB, MB, GB, KiB, MiB or GiB.", valueName: "size"), transform: ByteSize.init)
    var maxShardSize: ByteSize?

    @Option(help: ArgumentHelp("The alignment of GGUF's tensors, a power of two. (default: 32, or as in the input)", valueName: "n"))
    var alignment: Int?

    @Flag(help: "Also write side files whose names begin with a dot into a folder.")
    var dotfiles = false

    @Flag(help: "Keep the hashes of the content in a .qamw file, for verified reading. Also where the input keeps them.")
    var content = false

    @Flag(help: "Of a damaged .qamw file, leave out the tensors and files that are lost, and keep the rest.")
    var salvage = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var writing: WritingOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard !packed || dtype == .keep else { throw ValidationError("--packed does not change tensors; remove --dtype.") }
        guard !packed || names ?? .keep == .keep else { throw ValidationError("--packed does not change tensors; remove --names.") }
        guard !packed || lora.isEmpty else { throw ValidationError("--packed does not change tensors; remove --lora.") }
        guard !packed || alignment == nil else { throw ValidationError("--packed does not change metadata; remove --alignment.") }
        guard !pure || dtype.isBlockType else { throw ValidationError("--pure is for ggml's block types, such as --dtype q4_k_m.") }
        guard !calibration.isGiven || dtype.isBlockType || choosesTypes else {
            throw ValidationError("A calibration is for ggml's block types, such as --dtype q4_k_m.")
        }
        guard targetBpw == nil || targetBytes == nil else { throw ValidationError("--target-bpw and --target-bytes exclude each other.") }
        guard !choosesTypes || dtype == .keep && !packed else {
            throw ValidationError("--target-bpw and --target-bytes choose the types; remove \(packed ? "--packed" : "--dtype").")
        }
        if let targetBpw, !(targetBpw > 0 && targetBpw <= 64) { throw ValidationError("--target-bpw takes a positive number up to 64, not \(targetBpw).") }
        guard !gathers || lora.isEmpty else { throw ValidationError("\(CalibrationOptions.adapters).") }
        guard feedback == nil || calibration.isGiven else { throw ValidationError("--feedback takes a --calibrate or --calibration.") }
        if let alignment, alignment.nonzeroBitCount != 1 || !(1...1 << 30).contains(alignment) {
            throw ValidationError("--alignment takes a power of two from 1 to 2^30, not \(alignment).")
        }
    }

    private var choosesTypes: Bool { targetBpw != nil || targetBytes != nil }
    /// Whether statistics are gathered in the same run. Types are chosen by statistics.
    private var gathers: Bool { calibration.gathers || choosesTypes && calibration.calibration == nil }

    func run() async throws {
        let start = ContinuousClock.now
        let model = try ModelInput(path: input, takingFiles: true)
        let target = try ModelOutput(output, format: to, from: model.format)
        guard target.format != .qamw || !packed else {
            throw QAMError(.invalidArgument, "--packed is for safetensors and GGUF; .qamw stores quantized tensors natively")
        }
        guard !dtype.isBlockType || target.format == .gguf else { throw QAMError(.invalidArgument, "--dtype \(dtype.name) is for GGUF") }
        guard !choosesTypes || target.format == .gguf else {
            let advice = target.format == .qamw ? "; quantize has the same for .qamw" : ""
            throw QAMError(.invalidArgument, "--target-bpw and --target-bytes are for GGUF\(advice)")
        }
        guard maxShardSize == nil || target.format != .safetensors || target.isFolder else {
            throw QAMError(.invalidArgument, "--max-shard-size is for .qamw, for GGUF and for a folder of safetensors")
        }
        guard !content || target.format == .qamw else { throw QAMError(.invalidArgument, "--content is for .qamw") }
        guard alignment == nil || target.format == .gguf else { throw QAMError(.invalidArgument, "--alignment is for GGUF") }
        do {
            var (kept, warnings) = (model, [String]())
            if salvage { (kept, warnings) = try await salvaged(model) }
            try await run(from: kept, to: target, start: start, losing: warnings)
        } catch let error as QAMError {
            throw error.inFile(input)
        }
    }

    /// What is sound of a damaged file, and a warning for each loss.
    private func salvaged(_ model: ModelInput) async throws -> (model: ModelInput, warnings: [String]) {
        guard let reader = model.reader else {
            throw QAMError(.invalidArgument, "--salvage is for .qamw files: other formats have no checksums that tell what is lost")
        }
        let verified = try await ProgressBar.during("Verifying", quiet: report.hidesProgress) { bar in
            try await reader.verify(threads: threads.count) { try bar.report($0, of: $1, item: input) }
        }
        return try model.salvaged(verified)
    }

    private func run(from model: ModelInput, to target: ModelOutput, start: ContinuousClock.Instant, losing lost: [String]) async throws {
        let progress = CalibrationProgress()
        let run = gathers ? try await gatheringRun(progress) : nil
        let statistics = try run?.statistics ?? calibration.calibration.map { try CalibrationFile(StatisticsFile.open($0)) }
        var layout = ModelOutput.Layout(container: try model.containerOptions, alignment: alignment, maxShardSize: maxShardSize?.count, dotfiles: dotfiles)
        if target.format == .safetensors, target.isFolder, maxShardSize == nil { layout.maxShardSize = ByteSize.defaultShard.count }
        var source = try transformed(model, for: target, statistics), choice: TypeChoice?
        if choosesTypes, let statistics {
            (source, choice) = try await chosenTypes(source, for: target, layout, run, statistics, progress)
        }
        let keepsHashes = target.format == .qamw && (content || model.reader?.hasContentLeaves == true)
        if keepsHashes { layout.content = ContentLeaves(sizedFor: source) }
        let planned = try target.plannedByteCount(of: source, layout)
        var result = ConvertReport(output: target.path, inputBytes: model.fileBytes, before: model.stored, after: source, isPacked: packed)
        if writing.dryRun {
            result.bytes = planned
        } else {
            try target.check(
                source, layout, reading: model.configurations + [calibration.calibration].compactMap(\.self), replacing: writing.force,
                plannedBytes: layout.container.compressesRaw ? 0 : planned)
            if !salvage { try await model.requireSound(threads: threads.count, quiet: report.hidesProgress) }
            if keepsHashes {
                layout.content = try await ProgressBar.during("Hashing", quiet: report.hidesProgress) { bar in
                    try await ContentHashes.hashing(source, threads: threads.count) { try bar.report($0, of: $1, item: $2) }.leaves
                }
            }
            let done = try await ProgressBar.during("Converting", quiet: report.hidesProgress, countsBytes: run == nil) { bar in
                if run != nil { progress.begin(bar) }
                // Statistics that are gathered come in order: one thread reads, and coding uses all.
                return try await target.write(
                    source, layout, writing: writing, threads: run == nil ? threads.count : 1, inputBytes: model.fileBytes,
                    progress: run == nil ? bar.report : progress.worked)
            }
            result.output = done.path
            result.bytes = done.report.bytes
            result.nmse = done.report.totalDistortion?.normalized
            result.divergence = done.report.knownDivergence
            result.warnings = done.report.warnings(source.tensors) + done.warnings
        }
        result.calibration = run
        result.choice = choice
        result.warnings = lost + source.warnings + (run?.warnings ?? []) + (run?.gatheringWarnings ?? []) + result.warnings
        result.isDryRun = writing.dryRun
        result.seconds = (ContinuousClock.now - start).seconds
        try result.print(report)
    }

    /// The source with all requested transforms.
    private func transformed(_ model: ModelInput, for target: ModelOutput, _ statistics: CalibrationFile?) throws -> any TensorSource {
        if let adapter = model.adapter { return try converted(adapter, for: target) }
        guard base == nil else { throw QAMError(.invalidArgument, "--base is for an adapter as INPUT") }
        if packed {
            return try PackingSource(
                wrapping: model.stored, options: try model.containerOptions.packed, carryingFiles: !target.isFolder,
                host: target.format == .gguf ? .gguf : .safetensors)
        }
        var result = model.stored
        if try !lora.isEmpty || !isCopied(result, to: target.format) || model.isDequantized() {
            result = try model.weights().source
            // Decode to float32: a cast follows, and must round only once.
            if target.format != .qamw { result = try DequantizingSource(result, to: dtype == .keep ? .keep : .dtype(.f32)) }
            result = try renamed(AdapterFolder.merged(lora, into: result), for: target)
            result = try DeclaredType.updated(try cast(result, for: target.format, statistics))
        }
        // Find ties that are not known yet, unless the file is only copied.
        return target.format == .qamw && model.format != .qamw && model.unpacked == nil ? try AliasingSource(wrapping: result) : result
    }

    /// An adapter for llama.cpp.
    private func converted(_ adapter: LoRAAdapter, for target: ModelOutput) throws -> any TensorSource {
        guard target.format == .gguf, !packed, lora.isEmpty, names ?? .gguf == .gguf else { throw adapter.refusal }
        let result = try adapter.gguf(for: AdapterFolder.modelConfiguration(of: adapter, in: input, given: base))
        return try cast(result, for: .gguf, nil)
    }

    /// Whether every tensor is copied unchanged under its name, so that its interpretation does not matter.
    private func isCopied(_ source: any TensorSource, to format: OutputFormat) -> Bool {
        let present = ModelNames.of(source)
        let wanted = wantedNames(format)
        guard dtype == .keep, wanted == nil || wanted == present || wanted == .huggingFace && present == nil && names == nil else { return false }
        return switch format {
        case .qamw: true
        // GGUF loaders interpret tensors by name.
        case .gguf: present == .gguf && source.tensors.allSatisfy { if case .coded = $0.storage { false } else { true } }
        case .safetensors:
            source.tensors.allSatisfy { tensor in
                switch tensor.storage {
                case .raw(let dtype): DType.safetensors.contains(dtype)
                case .coded, .unreadable: false
                case .alias: true
                }
            }
        }
    }

    /// The requested naming convention, or that of the output's format; nil to keep the names.
    private func wantedNames(_ format: OutputFormat) -> ModelNames? {
        switch (names, format) {
        case (.keep, _), (nil, .qamw): nil
        case (.hf, _), (nil, .safetensors): .huggingFace
        case (.gguf, _), (nil, .gguf): .gguf
        }
    }

    /// The tensors renamed as requested, or to the output format's convention if possible.
    private func renamed(_ source: any TensorSource, for target: ModelOutput) throws -> any TensorSource {
        guard let wanted = wantedNames(target.format) else { return source }
        return try wanted.applied(to: source, strict: names != nil, pre: tokenizerPre, carryingFiles: target.isFolder || target.format == .qamw)
    }

    /// The tensors cast to the requested types, or to types of the output's format.
    private func cast(_ source: any TensorSource, for format: OutputFormat, _ statistics: CalibrationFile?) throws -> any TensorSource {
        switch dtype {
        case .plain(let dtype): return format == .gguf ? try GGUFTypes.cast(source, to: dtype) : try CastingSource(source, to: dtype)
        case .blocks(let types):
            let chosen = pure ? BlockTypes.named(types.name, pure: true) ?? types : types
            guard let statistics else { return try GGUFTypes.quantize(source, to: chosen) }
            guard dtype.isSearched || statistics.hasHessians && feedback != .off else {
                throw QAMError(
                    .invalidArgument, "\(dtype.name) is encoded as ggml does, whatever the mean squares of inputs; only error feedback by Hessians improves it")
            }
            return try GGUFTypes.quantize(statistics.ordering(source), to: chosen, meanSquares: meanSquares(statistics), by: quantizer(statistics))
        case .keep: break
        }
        guard format == .safetensors else { return source }
        return try CastingSource(source) { tensor in
            guard case .raw(let dtype) = tensor.storage else { return nil }
            return dtype.blockElements > 1 ? .f16 : nil
        }
    }
}

extension Convert {
    private func quantizer(_ statistics: CalibrationFile) -> GGUFTypes.BlockQuantizer {
        {
            try BlockQuantizingSource(
                $0, types: $1, statistics: statistics, feedback: feedback ?? .on, threads: threads.count, checkpoint: Interruption.check)
        }
    }

    /// The model with the type of each matrix chosen by what its errors cost.
    private func chosenTypes(
        _ source: any TensorSource, for target: ModelOutput, _ layout: ModelOutput.Layout, _ run: GatheredStatistics?, _ statistics: CalibrationFile,
        _ progress: CalibrationProgress
    ) async throws -> (any TensorSource, TypeChoice) {
        let source = statistics.ordering(source), parameters = ModelSize(source).parameters
        let all = GGUFTypes.candidates(source), candidates = all.filter { statistics.hasHessian(of: source.tensors[$0.key]) }
        guard !candidates.isEmpty else { throw QAMError(.invalidArgument, "types are chosen by Hessians, which the statistics do not have for this model") }
        let fixed = all.filter { candidates[$0.key] == nil }.map { ($0.key, GGUFTypes.cautious(source.tensors[$0.key])) }
        func typed(_ types: [Int: DType]) -> [Int: DType] { types.merging(fixed) { chosen, _ in chosen } }
        func size(_ types: [Int: DType]) throws -> Int {
            let typed = try GGUFTypes.quantize(source, to: typed(types))
            return targetBytes == nil ? ModelSize(typed).storedBytes : try target.plannedByteCount(of: typed, layout)
        }
        let limit = targetBytes?.count ?? Int(Double(parameters) * (targetBpw ?? 0) / 8)
        let choice = try await ProgressBar.during("Measuring", quiet: report.hidesProgress, countsBytes: false) { bar in
            if run != nil { progress.begin(bar) }
            return try await TypeChoice.choose(
                candidates, of: source, by: run?.rateStatistics ?? statistics, feedback: feedback ?? .on, limit: limit, size: size,
                threads: threads.count, checkpoint: Interruption.check, monitor: run == nil ? bar.report : progress.worked)
        }
        return (try GGUFTypes.quantize(source, to: typed(choice.types), by: quantizer(statistics)), choice)
    }

    private func gatheringRun(_ progress: CalibrationProgress) async throws -> GatheredStatistics {
        let request = try calibration.request()
        return try await ProgressBar.during("Tokenizing", quiet: report.hidesProgress) { bar in
            try request.prepare(
                model: input, hasGradients: feedback ?? .on == .on, threads: threads.count, checkpoint: Interruption.check,
                tokenizing: { try bar.report($0, of: $1, item: "") }, progress: progress.calibrated)
        }
    }

    /// E[x²] of a matrix's inputs. Statistics that are gathered are read only for feedback, in their order.
    private func meanSquares(_ statistics: CalibrationFile) -> (TensorDescriptor) throws -> [Float]? {
        { tensor in
            guard let input = statistics.input(of: tensor.name), let path = calibration.calibration else { return nil }
            guard statistics.inputs[input].width == tensor.columns else {
                throw QAMError(
                    .invalidArgument,
                    "\(path) has statistics of \(statistics.inputs[input].width) inputs for its \(tensor.columns) columns: those of another model",
                    at: .init(tensor: tensor.name))
            }
            return try statistics.meanSquares(of: input)
        }
    }
}

/// The naming convention of tensors.
enum TargetNames: String, CaseIterable, ExpressibleByArgument {
    case keep
    case hf
    case gguf
}

/// A human-readable number of bytes.
struct ByteSize: Sendable {
    /// The default of huggingface_hub.
    static let defaultShard = ByteSize(count: 5_000_000_000)

    let count: Int

    private init(count: Int) { self.count = count }

    /// Reads `5GB`, `500MB`, `1.5GiB`, `1000000`.
    init(_ text: String) throws {
        let units: [(String, Double)] = [
            ("KIB", 0x1p10), ("MIB", 0x1p20), ("GIB", 0x1p30), ("TIB", 0x1p40), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
        ]
        let upper = text.uppercased()
        let digits = upper.prefix { $0.isNumber || $0 == "." }
        let unit = upper.dropFirst(digits.count)
        guard let number = Double(digits), let factor = units.first(where: { $0.0 == unit })?.1,
            let count = Int(exactly: (number * factor).rounded()), count > 0
        else { throw ValidationError("\"\(text)\" is not a size such as 5GB, 500MB or 1GiB") }
        self.count = count
    }
}
