internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct EditMetadata: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metadata",
        abstract: "List or change a file's metadata.",
        discussion: """
            Without --set and --remove the metadata are listed. Types are u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool \
            and string, and arrays of them as JSON, such as u32[]:[1,2]; safetensors has strings only. Of a split GGUF the first \
            file is changed. Removals come before \
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
            let isInPlace =
                if let reader = model.reader { try await edit(reader, of: model) } else if let gguf = model.gguf {
                    try await edit(gguf)
                } else { try editSafetensors(model) }
            try Console.print("\(Format.printable(file)): \(isInPlace ? "changed in place" : "rewritten")")
        } catch let error as QAMError {
            throw error.inFile(file)
        }
    }

    /// Returns whether the change was made in place.
    private func edit(_ reader: QAMReader, of model: ModelInput) async throws -> Bool {
        let metadata = try changed(reader.metadata)
        if try MetadataEditor.replaceInPlace(path: reader.inputs[0], with: metadata) { return true }
        try await model.requireSound(threads: Platform.processorCount, quiet: false)
        let source = MetadataReplacingSource(reader, metadata: metadata)
        let writer = QAMWriter(path: Path.resolvingLinks(reader.inputs[0]), options: reader.options, replacing: true)
        try await ProgressBar.during("Rewriting", quiet: false) { bar in
            _ = try await transfer(from: source, to: writer, threads: Platform.processorCount) {
                try bar.report($0.doneBytes, of: $0.totalBytes, item: $0.tensor)
            }
        }
        return false
    }

    private func edit(_ gguf: GGUFModel) async throws -> Bool {
        try await ProgressBar.during("Rewriting", quiet: false) { bar in
            try await GGUFMetadataEditor.edit(gguf.inputs[0], threads: Platform.processorCount) {
                try bar.report($0.doneBytes, of: $0.totalBytes, item: $0.tensor)
            } _: { $0 = try changed($0) }
        } == .inPlace
    }

    private func editSafetensors(_ model: ModelInput) throws -> Bool {
        let files = try model.source.inputs.filter { try FileKind.of(path: $0) == .safetensors }
        guard files.count == 1 else {
            throw QAMError(.invalidArgument, "it has \(files.count) shards with metadata of their own; name one of them")
        }
        for setting in set {
            guard case .string = setting.value else {
                throw QAMError(.invalidArgument, "safetensors has strings only; set \(setting.key) as string:VALUE")
            }
        }
        return try SafetensorsMetadataEditor.edit(files[0]) { $0 = try changed($0) } == .inPlace
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
