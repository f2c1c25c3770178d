internal import ArgumentParser
internal import QAMFormat

/// The command: what it is called, what it can do, and how it ends.
@main
struct Qamw: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qamw",
        abstract: "Writes, checks and converts .qamw model files.",
        discussion: """
            MODEL, FILE and INPUT are a .qamw file, a .safetensors or PyTorch file, an index of shards of either, a .gguf file (of a split \
            set the first), a folder with one of these, or a model in the Hugging Face Hub's cache, by its folder or as ORG/NAME; nothing is \
            fetched. What a file is, its content says, not its name.

            Exit status: 0 done; 1 compared and over the limit; 64 usage; 65 data damaged, malformed or unsupported; \
            66 no such input; 70 a bug; 73 cannot create the output; 74 input or output failed; 130 interrupted.

            "qamw --generate-completion-script bash" (or zsh, fish) prints the shell's completions.

            Example:
              qamw quantize models/llama llama.qamw
            """,
        version: Version.text,
        subcommands: [
            Quantize.self, Convert.self, Verify.self, Checksum.self, Repair.self, Sign.self, Inspect.self, Compare.self, EditMetadata.self, Calibrate.self,
            Evaluate.self, Generate.self, Tokenize.self, Bench.self,
        ])

    /// Throws for a word that is not a command, which the parser would take for an argument.
    private static func checkName() throws {
        let commands = configuration.subcommands.map { $0._commandName }
        guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), !(commands + ["help"]).contains(word) else { return }
        let advice = Spelling.nearest(to: word, in: commands).map { "; did you mean \"\($0)\"?" } ?? "; the commands are \(Format.list(commands))"
        throw QAMError(.invalidArgument, "\"\(word)\" is not a command\(advice)")
    }

    static func main() async {
        Interruption.install()
        MappingFaults.install()
        do {
            try checkName()
            var command = try await asyncParseAsRoot()
            try Kernels.checkEnvironment()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Platform.exit(ExitStatus.report(error, from: Self.self).rawValue)
        }
    }
}
