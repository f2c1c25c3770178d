internal import ArgumentParser
internal import QAMFormat

/// How a command reports.
struct ReportOptions: ParsableArguments {
    @Flag(help: "Print one JSON object and nothing else on standard output.")
    var json = false

    @Flag(help: "Print no progress and, when all is well, nothing else.")
    var quiet = false

    var hidesProgress: Bool { json || quiet }

    /// Shows warnings where they are not in the JSON.
    func show(warnings: [String]) {
        if !json { Console.warn(warnings) }
    }
}

/// How many threads a command uses.
struct ThreadOptions: ParsableArguments {
    @Option(name: .customLong("threads"), help: ArgumentHelp("Threads to use; the result does not depend on it. (default: all processors)", valueName: "n"))
    var requested: Int?

    var count: Int { requested ?? Platform.processorCount }

    func validate() throws {
        guard let requested else { return }
        guard (1...1024).contains(requested) else { throw ValidationError("--threads takes a number from 1 to 1024, not \(requested).") }
    }
}

/// How a command that writes a model treats what is there.
struct WritingOptions: ParsableArguments {
    @Flag(help: "Say what would be written and how large it would be; write nothing.")
    var dryRun = false

    @Flag(help: "Keep what an interrupted run has done, and go on from there.")
    var resume = false

    @Flag(help: "Replace an output that exists.")
    var force = false
}
