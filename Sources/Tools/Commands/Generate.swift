internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Inference
internal import Models
internal import QAMFormat

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a text, or converse.",
        discussion: """
            Writes text as it comes, until the model ends it or there are --count tokens. The prompt is a text (--prompt, or a file with \
            --text), to which the model's tokenizer adds BOS where its files say so, or a file of token ids (--tokens), little-endian, of 32 \
            bits or, where its name ends in .u16, of 16: then ids come out, too. The most likely token is taken unless --temperature is given.

            With --chat the prompt is a message in a conversation, in the format that the model's chat template shows; without a prompt, \
            messages are read from standard input, a line each. There Ctrl-C ends an answer, and Ctrl-D the conversation.

            Example:
              qamw generate llama.qamw --prompt "The capital of France is"
              qamw generate llama.qamw --chat
              qamw generate llama.qamw --tokens prompt.u16 --count 64
            """)

    @Argument(help: "The model to run.", completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The prompt.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("The prompt, as a file in UTF-8; - is standard input.", valueName: "file"), completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("The prompt, as a file of token ids; - is standard input.", valueName: "file"), completion: .file())
    var tokens: String?

    @Flag(help: "Converse in the format of the model's chat template.")
    var chat = false

    @Option(help: ArgumentHelp("With --chat: what the model is told beforehand.", valueName: "text"))
    var system: String?

    @Option(
        help: ArgumentHelp(
            "The number of tokens to generate at most. (default: 32 with --tokens, else until the model ends the text or its context is full)", valueName: "n"))
    var count: Int?

    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        if let count, !(1...1 << 20).contains(count) { throw ValidationError("--count takes a number from 1 to 1048576, not \(count).") }
        let prompts = [prompt, text, tokens].compactMap(\.self).count
        guard prompts == 1 || chat && prompts == 0 else { throw ValidationError("Give one of --prompt, --text and --tokens.") }
        if chat, tokens != nil { throw ValidationError("--chat takes texts, not --tokens.") }
        if chat, prompts == 0, report.json { throw ValidationError("--json takes a prompt.") }
        if system != nil, !chat { throw ValidationError("--system goes with --chat.") }
    }

    func run() async throws {
        let found = try tokens == nil ? ModelTokenizer.of(path: model) : nil
        let format = try chat ? chatFormat(found) : nil
        let input = try TransformerInput(path: model, exact: false)
        var warnings = input.warnings + (found?.warnings ?? [])
        if let found, found.tokenizer.count > input.model.configuration.vocabularySize {
            warnings.append("the tokenizer has \(found.tokenizer.count) tokens, the model only \(input.model.configuration.vocabularySize)")
        }
        let pool = try WorkerPool(width: threads.count)
        if let found, let format, prompt == nil, text == nil {
            report.show(warnings: warnings)
            var conversation = try Conversation(
                input, found, format, system: system, count: count, sampler: sampling.sampler, pool: pool, quiet: report.hidesProgress)
            return try conversation.run()
        }
        let ids = try await promptTokens(found, format)
        try ids.require(vocabularySize: input.model.configuration.vocabularySize)
        let limit = count ?? (found == nil ? 32 : max(1, (input.trainedContext ?? 4096) - ids.tokens.count))
        if let trained = input.trainedContext, count != nil || ids.tokens.count >= trained, ids.tokens.count + limit > trained {
            warnings.append("the model was trained on texts of \(trained) tokens, and prompt and answer may have \(ids.tokens.count + limit)")
        }
        report.show(warnings: warnings)
        let generator = try Generator(input.model, capacity: ids.tokens.count + limit, pool: pool, checkpoint: Interruption.check)
        var sampler = sampling.sampler
        let ends = found.map { format?.ends($0) ?? $0.ends } ?? []
        let answer = try Answer.of(
            generator, ids.tokens, count: limit, sampler: &sampler, found?.tokenizer, ends: ends, shows: !report.json, quiet: report.hidesProgress)
        if report.json {
            try Console.print([
                "tokens": .array(answer.tokens.map { JSONValue($0) }), "text": found == nil ? .null : .string(answer.text),
                "tokensPerSecond": .number(answer.speed), "promptTokensPerSecond": .number(answer.promptSpeed),
                "warnings": .array(warnings.map(JSONValue.string)),
            ])
        } else if !report.quiet {
            Console.write("\(Format.decimal(answer.speed, 1)) tokens/s; the prompt at \(Format.decimal(answer.promptSpeed, 1)) tokens/s\n")
        }
    }

    private func chatFormat(_ found: ModelTokenizer?) throws -> ChatFormat {
        do { return try ChatFormat(template: found?.chatTemplate) } catch let error as QAMError { throw error.inFile(model) }
    }

    private func promptTokens(_ found: ModelTokenizer?, _ format: ChatFormat?) async throws -> TokenFile {
        guard let found else { return try TokenFile.open(tokens ?? TextFile.standardInput) }
        let bytes = try prompt.map { Array($0.utf8) } ?? TextFile.read(text ?? TextFile.standardInput)
        let path = text ?? "--prompt"
        guard let format else {
            var ids = try await TokenFile.encoded(bytes, path: path, found.tokenizer, isWhole: true, quiet: report.hidesProgress)
            // A text that is to be continued has no end.
            ids.removeLast(min(found.tokenizer.after.count, ids.count))
            return try TokenFile(path: path, tokens: ids)
        }
        let messages = format.opening(system: system) + [ChatFormat.Message(role: .user, text: String(decoding: bytes, as: UTF8.self))]
        return try TokenFile(path: path, tokens: format.tokens(messages, found))
    }
}
