internal import ArgumentParser
internal import QAMFormat

/// Reporting options.
struct ReportOptions: ParsableArguments {
    @Flag(help: "Print one JSON object and nothing else on standard output.")
    var json = false

    @Flag(help: "Print no progress and, on success, nothing else.")
    var quiet = false

    var hidesProgress: Bool { json || quiet }

    /// Prints warnings unless they are in the JSON.
    func show(warnings: [String]) {
        if !json { Console.warn(warnings) }
    }
}

/// The number of threads.
struct ThreadOptions: ParsableArguments {
    @Option(name: .customLong("threads"), help: ArgumentHelp("Threads to use; the result does not depend on it. (default: all processors)", valueName: "n"))
    var requested: Int?

    var count: Int { requested ?? Platform.processorCount }

    func validate() throws {
        guard let requested else { return }
        guard (1...1024).contains(requested) else { throw ValidationError("--threads takes a number from 1 to 1024, not \(requested).") }
    }
}

/// How a command that writes a model treats existing outputs.
struct WritingOptions: ParsableArguments {
    @Flag(help: "Report what would be written and its size; write nothing.")
    var dryRun = false

    @Flag(help: "Continue an interrupted run.")
    var resume = false

    @Flag(help: "Replace an existing output.")
    var force = false
}
