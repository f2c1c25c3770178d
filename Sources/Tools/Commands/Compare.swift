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

            Example:
              qamw compare models/llama llama.qamw --max-nmse 0.002
            """)

    @Argument(help: "The reference model.", completion: .file())
    var reference: String

    @Argument(help: "The model to compare.", completion: .file())
    var other: String

    @Option(name: .customLong("max-nmse"), help: ArgumentHelp("The largest acceptable NMSE.", valueName: "x"))
    var maxNMSE: Double?

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        if let maxNMSE, !(maxNMSE >= 0) { throw ValidationError("--max-nmse takes a non-negative number.") }
    }

    func run() async throws {
        let first = try ModelInput(path: reference, takingFiles: false)
        let second = try ModelInput(path: other, takingFiles: false)
        let weights = try [first, second].map { try $0.weights().source }
        let models = try [(reference, weights[0], weights[1]), (other, weights[1], weights[0])].map { path, own, opposite in
            do { return try Self.canonical(own, beside: opposite) } catch let error as QAMError { throw error.inFile(path) }
        }
        let comparison = try await ProgressBar.during("Comparing", quiet: report.hidesProgress) { bar in
            try await Comparison(of: models[0], with: models[1], threads: threads.count) {
                try bar.report($0, of: $1, item: $2)
            }
        }
        let warnings = models[0].warnings + models[1].warnings
        report.show(warnings: warnings)
        if report.json {
            try Console.print(comparison.json(warnings: warnings))
        } else if !report.quiet {
            try Console.print(comparison.text)
        }
        // Tensors that cannot be compared are an error.
        if let error = comparison.incomparable { throw error.inFile(other) }
        if let maxNMSE, comparison.exceeds(maxNMSE) { throw ExitStatus.overLimit }
    }

    /// A model with GGUF names under its Hugging Face names, unless both have GGUF names.
    private static func canonical(_ model: any TensorSource, beside other: any TensorSource) throws -> any TensorSource {
        guard ModelNames.of(model) == .gguf, ModelNames.of(other) != .gguf else { return model }
        return try ModelNames.huggingFace.applied(to: DequantizingSource(model, to: .dtype(.f32)), strict: false)
    }
}
