internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the contents of a model file.",
        discussion: """
            Without a flag an overview is shown. --json prints everything, whatever the other flags. No payload is read, and \
            none is checked: that is what verify is for.

            Example:
              qamw inspect llama.qamw --tensors
            """)

    @Argument(help: "The model to inspect.", completion: .file())
    var file: String

    @Flag(help: "List the tensors with shape, type, encoding and offset.")
    var tensors = false

    @Flag(help: "List all metadata.")
    var metadata = false

    @Flag(help: "List the sections.")
    var sections = false

    @Flag(help: "Print one JSON object and nothing else on standard output.")
    var json = false

    func run() async throws {
        let model = try ModelInput(path: file, takingFiles: true)
        let report = try InspectReport(model)
        if json { return try Console.print(report.json) }
        Console.warn(model.source.warnings)
        var parts: [[String]] = []
        if tensors { parts.append(report.tensorTable) }
        if metadata { parts.append(report.metadataTable) }
        if sections { parts.append(report.sectionTable) }
        if parts.isEmpty { parts.append(report.overview) }
        try Console.print(parts.map { $0.joined(separator: "\n") }.joined(separator: "\n\n"))
    }
}
