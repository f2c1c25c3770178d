internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model in another format or with other types.",
        discussion: """
            The output's format is what --to says, or what its name ends in; a folder takes safetensors from .qamw and \
            .qamw from others. Where the format cannot hold quantized tensors they are decoded. --packed carries them through \
            safetensors or GGUF as they are: converting such a file to .qamw gives the same bytes that it was packed from.

            A .qamw file is verified first, so that no damage gets into the output.

            A folder of safetensors gets shards of at most 5GB with an index, or what --max-shard-size says. GGUF is split \
            only with --max-shard-size, into files named as llama.cpp does (NAME-00001-of-00003.gguf). A folder also gets \
            the side files (config.json, tokenizer.json and their like), for which a single file of these formats has no place.

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

    @Flag(help: "Carry quantized tensors through safetensors or GGUF undecoded.")
    var packed = false

    @Option(help: ArgumentHelp("The largest shard: a number with B, KB, MB, GB, KiB, MiB or GiB.", valueName: "size"), transform: ByteSize.init)
    var maxShardSize: ByteSize?

    @Option(help: ArgumentHelp("Where GGUF's tensors begin: at multiples of this power of two. (default: 32, or as in the input)", valueName: "n"))
    var alignment: Int?

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var writing: WritingOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard !packed || dtype == .keep else { throw ValidationError("--packed keeps tensors as they are; leave --dtype out.") }
        guard !packed || alignment == nil else { throw ValidationError("--packed keeps metadata as they are; leave --alignment out.") }
        if let alignment, alignment.nonzeroBitCount != 1 || !(1...1 << 30).contains(alignment) {
            throw ValidationError("--alignment takes a power of two from 1 to 2^30, not \(alignment).")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let model = try ModelInput(path: input, takingFiles: true)
        let target = try ModelOutput(output, format: to, from: model.format)
        guard target.format != .qamw || !packed else {
            throw QAMError(.invalidArgument, "--packed is for safetensors and GGUF; .qamw holds quantized tensors by itself")
        }
        guard maxShardSize == nil || target.format == .gguf || target.format == .safetensors && target.isFolder else {
            throw QAMError(.invalidArgument, "--max-shard-size is for GGUF and for a folder of safetensors")
        }
        guard alignment == nil || target.format == .gguf else { throw QAMError(.invalidArgument, "--alignment is for GGUF") }
        do {
            try await run(from: model, to: target, start: start)
        } catch let error as QAMError {
            throw error.inFile(input)
        }
    }

    private func run(from model: ModelInput, to target: ModelOutput, start: ContinuousClock.Instant) async throws {
        let source = try transformed(model, for: target)
        var layout = ModelOutput.Layout(container: try model.containerOptions, alignment: alignment, maxShardSize: maxShardSize?.count)
        if target.format == .safetensors, target.isFolder, maxShardSize == nil { layout.maxShardSize = ByteSize.defaultShard.count }
        let planned = try target.plannedByteCount(of: source, layout)
        var result = ConvertReport(output: target.path, inputBytes: model.fileBytes, before: model.model, after: source, isPacked: packed)
        if writing.dryRun {
            result.bytes = planned
        } else {
            try target.check(source, replacing: writing.force, plannedBytes: layout.container.compressesRaw ? 0 : planned)
            try await model.requireSound(threads: threads.count, quiet: report.hidesProgress)
            let done = try await ProgressBar.during("Converting", quiet: report.hidesProgress) { bar in
                try await target.write(
                    source, layout, writing: writing, threads: threads.count, inputBytes: model.fileBytes, progress: bar)
            }
            result.output = done.path
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
            return try PackingSource(
                wrapping: source, options: try model.containerOptions.packed, carryingFiles: !target.isFolder,
                host: target.format == .gguf ? .gguf : .safetensors)
        }
        var result: any TensorSource = source
        if !keepsCoded { result = try DequantizingSource(result, to: dtype.dtype.map { .dtype($0) } ?? .keep) }
        if let dtype = dtype.dtype { result = try CastingSource(result, to: dtype) }
        // Ties are found where they are not known yet; a file that is only copied stays as it is.
        return target.format == .qamw && model.format != .qamw && model.unpacked == nil ? try AliasingSource(wrapping: result) : result
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
