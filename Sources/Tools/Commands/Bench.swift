internal import ArgumentParser
internal import Converters
internal import KernelBenchmark
internal import QAMFormat

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the kernels and this machine's memory bandwidth.",
        discussion: """
            Without MODEL: every code at every rate, for each instruction set that the machine has, on random weights in a mapped \
            file of 256 MiB (in TMPDIR). With MODEL, a .qamw file: its own matrices. "of read" is the stored bytes that a kernel reads \
            in a second by those that as many threads read which do nothing else.

            Figures are medians of rounds in one run; on a machine that others use too, compare them within a run only.

            Example:
              qamw bench llama.qamw
            """)

    @Argument(help: "A .qamw file whose matrices to multiply.", completion: .file())
    var model: String?

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func run() async throws {
        let reader = try model.map(Self.open)
        let benchmark = try KernelBenchmark(threads: threads.count)
        let results = try await ProgressBar.during("Measuring", quiet: report.hidesProgress, countsBytes: false) { bar in
            let progress: KernelBenchmark.Progress = { try bar.report($0, of: $1, item: BenchReport.title($2)) }
            guard let reader else { return try benchmark.run(in: Platform.temporaryFolder, progress: progress) }
            return try benchmark.run(reader, in: Platform.temporaryFolder, progress: progress)
        }
        let result = BenchReport(machine: Platform.processorName, results: results)
        try report.json ? Console.print(result.json) : Console.print(result.text)
    }

    private static func open(_ path: String) throws -> QAMReader {
        let input = try ModelInput(path: path, takingFiles: false, access: .mapped)
        guard let reader = input.reader else {
            throw QAMError(.invalidArgument, "it is \(input.format.title); the kernels work on .qamw files", at: .init(file: path))
        }
        return reader
    }
}
