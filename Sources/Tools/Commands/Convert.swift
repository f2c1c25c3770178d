internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model in another format or with other types.",
        discussion: """
            The output's format is what --to says, or what its name ends in; a folder takes safetensors from .qamw and \
            .qamw from safetensors. Where the format cannot hold quantized tensors they are decoded. --packed carries them \
            through safetensors as they are: converting such a file to .qamw gives the same bytes that it was packed from.

            A .qamw file is verified first, so that no damage gets into the output.

            A folder gets shards of at most 5GB with an index, or what --max-shard-size says, and the side files \
            (config.json, tokenizer.json and their like); a single safetensors file has no place for those.

            Example:
              qamw convert llama.qamw llama-bf16/ --dtype bf16
            """)

    @Argument(help: "The model to read.", completion: .file())
    var input: String

    @Argument(help: "The file or folder to write.", completion: .file())
    var output: String

    @Option(help: "The output's format.")
    var to: OutputFormat?

    @Option(help: "The type of floating-point tensors; quantized ones are decoded, unless the output can keep them.")
    var dtype = TargetType.keep

    @Flag(help: "Carry quantized tensors through safetensors undecoded.")
    var packed = false

    @Option(help: ArgumentHelp("The largest shard: a number with B, KB, MB, GB, KiB, MiB or GiB.", valueName: "size"), transform: ByteSize.init)
    var maxShardSize: ByteSize?

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var writing: WritingOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard !packed || dtype == .keep else { throw ValidationError("--packed keeps tensors as they are; leave --dtype out.") }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let model = try ModelInput(path: input, takingFiles: true)
        let target = try ModelOutput(output, format: to, from: model.format)
        guard target.format == .safetensors || !packed else {
            throw QAMError(.invalidArgument, "--packed is for safetensors; .qamw holds quantized tensors by itself")
        }
        guard maxShardSize == nil || target.format == .safetensors && target.isFolder else {
            throw QAMError(.invalidArgument, "--max-shard-size is for a folder of safetensors")
        }
        do {
            try await run(from: model, to: target, start: start)
        } catch let error as QAMError {
            throw error.inFile(input)
        }
    }

    private func run(from model: ModelInput, to target: ModelOutput, start: ContinuousClock.Instant) async throws {
        let source = try transformed(model, for: target)
        let options = try model.containerOptions
        let shardSize = target.format == .safetensors && target.isFolder ? maxShardSize ?? ByteSize.defaultShard : nil
        let planned = try target.plannedByteCount(of: source, options: options, maxShardSize: shardSize?.count)
        var result = ConvertReport(output: target.path, inputBytes: model.fileBytes, before: model.model, after: source, isPacked: packed)
        if writing.dryRun {
            result.bytes = planned
        } else {
            try target.check(source, replacing: writing.force, plannedBytes: options.compressesRaw ? 0 : planned)
            try await model.requireSound(threads: threads.count, quiet: report.hidesProgress)
            let done = try await ProgressBar.during("Converting", quiet: report.hidesProgress) { bar in
                try await target.write(
                    source, options: options, maxShardSize: shardSize?.count, writing: writing, threads: threads.count,
                    inputBytes: model.fileBytes, progress: bar)
            }
            result.bytes = done.report.bytes
            result.warnings = done.warnings
        }
        result.warnings = source.warnings + result.warnings
        result.isDryRun = writing.dryRun
        result.seconds = (ContinuousClock.now - start).seconds
        try result.print(report)
    }

    /// The model as the output is to hold it.
    private func transformed(_ model: ModelInput, for target: ModelOutput) throws -> any TensorSource {
        let source = model.model
        let keepsCoded = target.format == .qamw && dtype == .keep
        if packed {
            return try PackingSource(wrapping: source, options: try model.containerOptions.packed, carryingFiles: !target.isFolder)
        }
        var result: any TensorSource = source
        if !keepsCoded { result = try DequantizingSource(result, to: dtype.dtype.map { .dtype($0) } ?? .keep) }
        if let dtype = dtype.dtype { result = try CastingSource(result, to: dtype) }
        // Ties are found where they are not known yet; a file that is only copied stays as it is.
        return target.format == .qamw && model.format == .safetensors && model.unpacked == nil ? try AliasingSource(wrapping: result) : result
    }
}

/// What floating-point tensors become.
enum TargetType: String, CaseIterable, ExpressibleByArgument {
    case keep
    case f32
    case f16
    case bf16

    var dtype: DType? {
        switch self {
        case .keep: nil
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        }
    }
}

/// A number of bytes as people write it.
struct ByteSize: Sendable {
    /// What huggingface_hub takes.
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
        else { throw ValidationError("\"\(text)\" is no size such as 5GB, 500MB or 1GiB") }
        self.count = count
    }
}
