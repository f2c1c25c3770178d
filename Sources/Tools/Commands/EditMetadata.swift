internal import Architectures
internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct EditMetadata: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metadata",
        abstract: "List or change a file's metadata.",
        discussion: """
            Without --set and --remove the metadata are listed. Types are u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool \
            and string, and arrays of them as JSON, such as u32[]:[1,2]; safetensors has strings only. Of a set of GGUF or .qamw files the first \
            one is changed. Removals come before \
            settings. The file is changed in place where the new metadata fit into their room, and written again elsewhere.

            Example:
              qamw metadata llama.qamw --set general.author=string:Ada --remove general.url
            """)

    @Argument(help: "The .qamw, .safetensors or .gguf file.", completion: .file(extensions: ["qamw", "safetensors", "gguf"]))
    var file: String

    @Option(help: ArgumentHelp("Set a value; may be repeated.", valueName: "key=type:value"), transform: Setting.init)
    var set: [Setting] = []

    @Option(help: ArgumentHelp("Remove a key; may be repeated.", valueName: "key"))
    var remove: [String] = []

    func run() async throws {
        let model = try ModelInput(path: file, takingFiles: false)
        guard !set.isEmpty || !remove.isEmpty else {
            return try Console.print(try InspectReport(model).metadataTable.joined(separator: "\n"))
        }
        do {
            let outcome = try await ProgressBar.during("Rewriting", quiet: false) { try await edit(model, under: $0) }
            try Console.print("\(Format.printable(file)): \(outcome == .inPlace ? "changed in place" : "rewritten")")
        } catch let error as QAMError {
            throw error.inFile(file)
        }
    }

    private func edit(_ model: ModelInput, under bar: ProgressBar) async throws -> MetadataEditor.Outcome {
        let threads = Platform.processorCount
        if let reader = model.reader {
            return try await MetadataEditor.edit(reader.inputs[0], threads: threads) {
                try bar.report($0, of: $1, item: "")
            } _: {
                $0 = try changed($0)
            }
        }
        if let gguf = model.gguf {
            return try await GGUFMetadataEditor.edit(gguf.inputs[0], threads: threads) {
                try bar.report($0.doneBytes, of: $0.totalBytes, item: $0.tensor)
            } _: {
                $0 = try changed($0)
            }
        }
        guard model.pytorch.isEmpty else {
            throw QAMError(.unsupported, "PyTorch's files have no metadata; convert the model to safetensors, .qamw or GGUF")
        }
        return try SafetensorsMetadataEditor.edit(try safetensorsFile(of: model)) {
            try bar.report($0, of: $1, item: "")
        } _: {
            $0 = try changed($0)
        }
    }

    private func safetensorsFile(of model: ModelInput) throws -> String {
        let files = try model.source.inputs.filter { try FileKind.of(path: $0) == .safetensors }
        guard files.count == 1 else {
            throw QAMError(.invalidArgument, "it has \(files.count) shards with separate metadata; name one of them")
        }
        for setting in set {
            guard case .string = setting.value else {
                throw QAMError(.invalidArgument, "safetensors has strings only; set \(setting.key) as string:VALUE")
            }
        }
        return files[0]
    }

    private func changed(_ old: Metadata) throws -> Metadata {
        var metadata = old
        for key in remove where !metadata.remove(key) {
            throw QAMError(.invalidArgument, "there is no metadata \"\(key)\" to remove")
        }
        for setting in set { metadata.set(setting.key, setting.value) }
        return metadata
    }
}

/// `KEY=TYPE:VALUE`.
struct Setting: Sendable {
    let key: String
    let value: MetadataValue

    init(_ text: String) throws {
        guard let equals = text.firstIndex(of: "="), let colon = text[equals...].firstIndex(of: ":"), equals > text.startIndex else {
            throw ValidationError("\"\(text)\" is not of the form KEY=TYPE:VALUE")
        }
        key = String(text[..<equals])
        do {
            value = try MetadataValue(typeName: String(text[text.index(after: equals)..<colon]), text: String(text[text.index(after: colon)...]))
        } catch let error as QAMError {
            throw ValidationError("\"\(text)\": \(error.message)")
        }
    }
}
