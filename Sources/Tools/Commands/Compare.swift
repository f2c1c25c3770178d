internal import Architectures
internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the difference between two models, per tensor.",
        discussion: """
            Both may be of any format; quantized tensors are decoded, integers compared as numbers. NMSE is the squared error \
            by the reference's squared norm. With --max-nmse the exit status is 1 where the NMSE of any tensor is larger, or \
            where tensors are missing, too many or of another shape. Tensors that cannot be compared at all, such as complex with \
            real numbers, are an error.

            Where one has the names of GGUF and the other those of Hugging Face, they are compared under the latter, the rows \
            in one order.

            --metadata also compares the metadata, key by key, and the files that travel with the models, byte by byte; they do \
            not count for --max-nmse.

            Example:
              qamw compare models/llama llama.qamw --max-nmse 0.002
            """)

    @Argument(help: "The reference model.", completion: .file())
    var reference: String

    @Argument(help: "The model to compare.", completion: .file())
    var other: String

    @Option(name: .customLong("max-nmse"), help: ArgumentHelp("The largest acceptable NMSE.", valueName: "x"))
    var maxNMSE: Double?

    @Flag(help: "Also compare metadata and side files.")
    var metadata = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        if let maxNMSE, !(maxNMSE >= 0) { throw ValidationError("--max-nmse takes a non-negative number.") }
    }

    func run() async throws {
        let first = try ModelInput(path: reference, takingFiles: metadata)
        let second = try ModelInput(path: other, takingFiles: metadata)
        let weights = try [first, second].map { try $0.weights().source }
        let models = try [(reference, weights[0], weights[1]), (other, weights[1], weights[0])].map { path, own, opposite in
            do { return try Self.canonical(own, beside: opposite) } catch let error as QAMError { throw error.inFile(path) }
        }
        let comparison = try await ProgressBar.during("Comparing", quiet: report.hidesProgress) { bar in
            try await Comparison(of: models[0], with: models[1], threads: threads.count) {
                try bar.report($0, of: $1, item: $2)
            }
        }
        let others = try metadata ? MetadataComparison(of: models[0], with: models[1]) : nil
        let warnings = models[0].warnings + models[1].warnings
        report.show(warnings: warnings)
        if report.json {
            try Console.print(comparison.json(others, warnings: warnings))
        } else if !report.quiet {
            try Console.print(([comparison.text] + (others?.lines ?? [])).joined(separator: "\n"))
        }
        // Tensors that cannot be compared are an error.
        if let error = comparison.incomparable { throw error.inFile(other) }
        if let maxNMSE, comparison.exceeds(maxNMSE) { throw ExitStatus.overLimit }
    }

    /// A model with GGUF names under its Hugging Face names, unless both have GGUF names; the language model of one with several parts, if the other has
    /// it under other names.
    private static func canonical(_ model: any TensorSource, beside other: any TensorSource) throws -> any TensorSource {
        let isGGUF = ModelNames.of(model) == .gguf, isBesideGGUF = ModelNames.of(other) == .gguf
        if isGGUF, isBesideGGUF { return model }
        if isGGUF { return try TextModel.reduced(ModelNames.huggingFace.applied(to: DequantizingSource(model, to: .dtype(.f32)), strict: false)) }
        guard !isBesideGGUF, let own = TextModel(model.tensors)?.prefix, let opposite = TextModel(other.tensors)?.prefix else {
            return isBesideGGUF ? try TextModel.reduced(model) : model
        }
        return own == opposite ? model : try TextModel.reduced(model)
    }
}
