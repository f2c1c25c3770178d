internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Models
internal import QAMFormat
internal import Quantization

/// The calibration of a command that codes weights: statistics from a file, or gathered in the same run.
struct CalibrationOptions: ParsableArguments {
    @Option(
        name: [.long, .customLong("imatrix")],
        help: ArgumentHelp("Statistics of the matrices' inputs: a file of calibrate, or llama.cpp's imatrix.", valueName: "file"), completion: .file())
    var calibration: String?

    @Flag(help: "Gather the statistics in the same run: the model reads a text, and each layer is coded when its statistics are known.")
    var calibrate = false

    @Option(help: ArgumentHelp("The text for --calibrate, in UTF-8. (default: the text in the program)", valueName: "file"), completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("The text for --calibrate, as a file of token ids.", valueName: "file"), completion: .file())
    var tokens: String?

    @Option(
        help: ArgumentHelp(
            "Tokens per window of the text. (default: \(CalibrationRequest.defaultContext), or as many as the model was trained on)", valueName: "n"))
    var context: Int?

    @Option(
        help: ArgumentHelp(
            "Windows of the text that are read. (default: those of \(CalibrationRequest.mostTokens) tokens, fewer for large models)", valueName: "n"))
    var windows: Int?

    /// Why statistics are not gathered of a model with adapters.
    static let adapters = "the model is run without adapters; merge them first, by convert --lora"

    /// Whether there are statistics, from whatever source.
    var isGiven: Bool { gathers || calibration != nil }

    /// Whether statistics are to be gathered in the same run.
    var gathers: Bool { calibrate || text != nil || tokens != nil || context != nil || windows != nil }

    func validate() throws {
        if gathers, calibration != nil { throw ValidationError("--calibration has its statistics already: it excludes --calibrate and its text.") }
        if text != nil, tokens != nil { throw ValidationError("--text and --tokens exclude each other.") }
        try TokenFile.validate(context: context, windows: windows)
    }

    /// What is asked for. Reads the text.
    func request() throws -> CalibrationRequest {
        var request = CalibrationRequest()
        request.text = try tokens.map { .tokens(path: $0) } ?? text.map { .text(try TextFile.read($0), path: $0) } ?? .own
        (request.context, request.windows) = (context, windows)
        return request
    }
}

/// Statistics that are gathered in the same run, for people and scripts.
extension GatheredStatistics {
    var json: JSONValue {
        [
            "windows": JSONValue(prepared.windows), "context": JSONValue(prepared.context), "memoryBytes": JSONValue(prepared.byteCount),
            "expectedSeconds": seconds.map { .number($0.gathering + $0.coding) } ?? .null,
        ]
    }

    /// What is said before a run that takes minutes; nil for a shorter one.
    var longTime: String? {
        guard let seconds, seconds.gathering + seconds.coding >= 60 else { return nil }
        return
            "statistics of \(Format.count(prepared.tokenCount, "token")) take about \(Format.duration(seconds.gathering)), coding \(Format.duration(seconds.coding))"
    }

    /// For the report.
    var summary: String {
        "\(Format.count(prepared.tokenCount, "token")) in windows of \(prepared.context), about \(Format.bytes(prepared.byteCount)) of memory"
    }
}
