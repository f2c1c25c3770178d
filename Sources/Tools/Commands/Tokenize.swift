internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Models
internal import QAMFormat

struct Tokenize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert text to a model's tokens, and tokens to text.",
        discussion: """
            Prints the ids of the tokens of a text on one line, as the model's own tokenizer cuts it: tokenizer.json, tokenizer.model, \
            vocab.json with merges.txt or tekken.json, GGUF's keys, or what a .qamw holds. With --output they go into a file that \
            "eval", "calibrate" and "generate" take as --tokens. Tokens that the tokenizer puts around every text (BOS, EOS) are left out \
            without --special. With --decode it prints the text of tokens, given as ids or as a file of tokens; special tokens are left \
            out without --special.

            Example:
              qamw tokenize models/llama "Hello, world"
              qamw tokenize models/llama --text wikitext2-test.txt --output wikitext2-test.u16
              qamw tokenize models/llama --decode --tokens wikitext2-test.u16
            """)

    @Argument(help: ArgumentHelp("The model, or its tokenizer.json.", valueName: "model"), completion: .file())
    var model: String

    @Argument(help: ArgumentHelp("The text; with --decode ids with spaces between them.", valueName: "text"))
    var given: String?

    @Option(
        name: [.customLong("text"), .customLong("file")], help: ArgumentHelp("The text: a file, or - for standard input.", valueName: "file"),
        completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("With --decode: a file of token ids, or - for standard input.", valueName: "file"), completion: .file())
    var tokens: String?

    @Flag(help: "Convert tokens to text.")
    var decode = false

    @Flag(help: "The text is several, each ended by a NUL byte: print a line of ids for each; with --decode the other way round.")
    var null = false

    @Flag(help: "Take the tokens along that the tokenizer puts around texts, and show special tokens.")
    var special = false

    @Option(
        name: [.short, .long], help: ArgumentHelp("Write a file of token ids, of 16 bits if its name ends in .u16, else of 32.", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Replace an existing output.")
    var force = false

    @OptionGroup var report: ReportOptions

    func validate() throws {
        let inputs = [given, text, tokens].compactMap(\.self).count
        guard inputs == 1 else { throw ValidationError("Give one of a text, --text\(decode ? " and --tokens" : "").") }
        if tokens != nil, !decode { throw ValidationError("--tokens goes with --decode.") }
        if null, given != nil || tokens != nil || output != nil || report.json { throw ValidationError("--null goes with --text alone.") }
        if output != nil, decode { throw ValidationError("--output is a file of tokens, which --decode does not make.") }
    }

    func run() async throws {
        let found = try ModelTokenizer.of(path: model)
        report.show(warnings: found.warnings)
        if null { return try printEach(found) }
        if decode { try printText(found) } else { try await printTokens(found) }
    }

    private func printTokens(_ found: ModelTokenizer) async throws {
        let ids = try await TokenFile.encoded(given.map { Array($0.utf8) }, path: text, found.tokenizer, isWhole: special, quiet: report.hidesProgress)
        if let output {
            try TokenFile.write(ids, to: output, replacing: force, inputs: [model, text == TextFile.standardInput ? nil : text].compactMap(\.self))
        }
        if report.json {
            try Console.print(["tokens": .array(output == nil ? ids.map { JSONValue($0) } : []), "count": JSONValue(ids.count), "warnings": warnings(found)])
        } else if output == nil {
            try Console.print(ids.map(String.init).joined(separator: " "))
        } else if !report.quiet {
            try Console.print("  \(Format.printable(output ?? "")): \(Format.count(ids.count, "token"))")
        }
    }

    private func printEach(_ found: ModelTokenizer) throws {
        let (end, newEnd): (UInt8, String) = decode ? (0x0A, "\0") : (0, "\n")
        var texts = try TextFile.read(text ?? TextFile.standardInput).split(separator: end, omittingEmptySubsequences: false)
        if texts.last?.isEmpty == true { texts.removeLast() }
        for text in texts {
            try Interruption.check()
            if decode {
                try Console.writeText(found.tokenizer.decode(Self.ids(Array(text)), skippingSpecial: !special) + newEnd)
            } else {
                try Console.writeText(found.tokenizer.encode(Array(text), isWhole: special).map(String.init).joined(separator: " ") + newEnd)
            }
        }
    }

    private func printText(_ found: ModelTokenizer) throws {
        let ids = try tokens.map { try TokenFile.open($0).tokens } ?? Self.ids(given.map { Array($0.utf8) } ?? TextFile.read(text ?? ""))
        let unknown = Set(ids.filter { found.tokenizer.text(of: $0) == nil })
        let warning = unknown.isEmpty ? [] : ["no tokens have these ids, so they are left out: \(Format.list(unknown.sorted().map(String.init), first: 8))"]
        report.show(warnings: warning)
        let text = found.tokenizer.decode(ids, skippingSpecial: !special)
        if report.json {
            try Console.print(["text": .string(text), "count": JSONValue(ids.count), "warnings": .array((found.warnings + warning).map(JSONValue.string))])
        } else {
            try Console.writeText(Platform.standardOutputIsTerminal ? text + "\n" : text)
        }
    }

    private func warnings(_ found: ModelTokenizer) -> JSONValue { .array(found.warnings.map(JSONValue.string)) }

    /// Numbers with spaces or commas between them.
    private static func ids(_ text: [UInt8]) throws -> [UInt32] {
        try text.split { $0 == 0x20 || (0x09...0x0D).contains($0) || $0 == 0x2C }.map { word in
            guard let id = UInt32(String(decoding: word, as: UTF8.self)) else {
                throw ValidationError("\"\(String(decoding: word, as: UTF8.self))\" is not the id of a token.")
            }
            return id
        }
    }
}
