internal import ArgumentParser
internal import Converters
internal import QAMFormat

/// The formats that an output can be asked for in.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case qamw
    case safetensors
    case gguf

    /// The format that a file name ends in.
    init?(nameOf path: String) {
        guard let format = Self.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") }) else { return nil }
        self = format
    }
}

/// Where a model goes and in which format.
struct ModelOutput {
    static let qamwName = "model.qamw"

    /// The file, or the folder of a model that may have several.
    let path: String
    let format: OutputFormat
    /// The folder that the output goes into, where the user named one.
    private let folder: String?

    /// `format` may be nil where the name or, for a folder, the input's format tells it.
    init(_ path: String, format given: OutputFormat?, from input: ModelInput.Format) throws {
        let isFolder = try path.hasSuffix("/") || FileStatus(path)?.kind == .folder
        let format = given ?? (isFolder ? (input == .qamw ? .safetensors : .qamw) : OutputFormat(nameOf: path))
        guard let format else {
            throw QAMError(.invalidArgument, "the name ends neither in .qamw nor in .safetensors or .gguf; say the format with --to", at: .init(file: path))
        }
        self.format = format
        folder = isFolder ? path : nil
        self.path = isFolder && format == .qamw ? Path.join(path, Self.qamwName) : path
    }

    var isFolder: Bool { folder != nil }

    private var safetensorsDestination: SafetensorsDestination { folder.map { .folder($0) } ?? .file(path) }
    private var qamwDestination: QAMDestination { folder.map { .folder($0) } ?? .file(path) }
    private var ggufDestination: GGUFDestination { folder.map { .folder($0) } ?? .file(path) }

    /// Throws `cannotCreate` where something is in the way: what can be known before any work.
    /// `reading` are files that were read beside the source's inputs.
    func check(_ source: any TensorSource, _ layout: Layout = Layout(), reading configurations: [String], replacing: Bool, plannedBytes: Int) throws {
        let parent = Self.parent(of: folder ?? path)
        guard try FileStatus(parent)?.kind == .folder else {
            throw QAMError(.cannotCreate, "the folder \(parent) does not exist", at: .init(file: path))
        }
        if let folder, let status = try FileStatus(folder), status.kind != .folder {
            throw QAMError(.cannotCreate, "it exists and is no folder", at: .init(file: path))
        }
        var paths = folder == nil ? [path] : []
        if format == .qamw {
            paths = try QAMWriter.plannedPaths(of: source, to: qamwDestination, options: layout.container, maxShardSize: layout.maxShardSize)
        }
        let set = try OutputSet(inputs: source.inputs + configurations, replacing: replacing)
        for path in paths { try set.check(path) }
        let present = try paths.reduce(0) { $0 + (try FileStatus(link: ResumeJournal.partialPath($1))?.allocatedByteCount ?? 0) }
        if let free = Folder.freeBytes(at: parent), free + present < plannedBytes {
            throw QAMError(
                .cannotCreate, "\(Format.bytes(plannedBytes)) are needed, but only \(Format.bytes(free)) are free there",
                at: .init(file: path))
        }
    }

    /// How an output is laid out, each where the format has it.
    struct Layout {
        /// Of a .qamw file.
        var container = ContainerOptions()
        /// Of GGUF's tensors; nil for what the metadata say.
        var alignment: Int?
        var maxShardSize: Int?
        /// Of a folder: whether files come along whose names begin with a point.
        var dotfiles = false
    }

    /// The bytes that the output will have.
    func plannedByteCount(of source: any TensorSource, _ layout: Layout) throws -> Int {
        switch format {
        case .qamw: try QAMWriter.plannedByteCount(of: source, options: layout.container, maxShardSize: layout.maxShardSize)
        case .safetensors:
            try SafetensorsSink.plannedByteCount(of: source, to: safetensorsDestination, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles)
        case .gguf:
            try GGUFSink.plannedByteCount(
                of: source, to: ggufDestination, alignment: layout.alignment, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles)
        }
    }

    /// The sink, and how to ask it, when it is done, for the path that the output is opened by and for its warnings.
    private func sink(_ layout: Layout, _ writing: WritingOptions) -> (any TensorSink, outcome: () -> (path: String, warnings: [String])) {
        switch format {
        case .qamw:
            let sink = QAMWriter(
                output: qamwDestination, options: layout.container, maxShardSize: layout.maxShardSize, replacing: writing.force, resuming: writing.resume)
            return (sink, { (sink.outputs.first ?? path, sink.warnings) })
        case .safetensors:
            let sink = SafetensorsSink(
                output: safetensorsDestination, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles, replacing: writing.force,
                resuming: writing.resume)
            return (sink, { (path, sink.warnings) })
        case .gguf:
            let sink = GGUFSink(
                output: ggufDestination, alignment: layout.alignment, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles,
                replacing: writing.force, resuming: writing.resume)
            return (sink, { (isFolder ? path : sink.outputs.last ?? path, sink.warnings) })
        }
    }

    /// Moves all tensors into the output; `progress` counts the bytes of the input. Where that fails, nothing is left but
    /// what `--resume` keeps. Returns what was done, the path that the output is opened by, and warnings of the output.
    func write(
        _ source: any TensorSource, _ layout: Layout, writing: WritingOptions, threads: Int, inputBytes: Int, progress: ProgressBar
    ) async throws -> (report: TransferReport, path: String, warnings: [String]) {
        let isNewFolder = try folder.map { try FileStatus($0) == nil } ?? false
        if let folder { try Folder.create(folder) }
        let (sink, outcome) = sink(layout, writing)
        do {
            let report = try await transfer(from: source, to: sink, threads: threads, keepingPartial: writing.resume) {
                let share = Double($0.doneBytes) / Double(max(1, $0.totalBytes))
                try progress.report(Int(share * Double(inputBytes)), of: inputBytes, item: $0.tensor)
            }
            let (path, warnings) = outcome()
            // The output is in place: nothing may fail any more.
            return (report, path, warnings + ((try? otherModels()) ?? []))
        } catch let error as QAMError {
            if isNewFolder, let folder { Platform.removeEmptyFolder(folder) }
            guard error.code == .interrupted else { throw error }
            let rest = writing.resume ? "the same command goes on from here" : "nothing is left of the output"
            throw QAMError(.interrupted, "interrupted; \(rest)", at: .init(file: path))
        }
    }

    /// A warning where the output's folder holds a model of another format too: a folder opens as one of them.
    private func otherModels() throws -> [String] {
        guard let folder else { return [] }
        // In the order in which a folder is looked through.
        func first(_ names: String...) throws -> String? { try names.first { try FileStatus(Path.join(folder, $0)) != nil } }
        let present = try [
            (OutputFormat.safetensors, first(SafetensorsPlan.modelName, SafetensorsPlan.indexName)),
            (.qamw, ShardPaths.modelFile(in: folder, fileExtension: OutputFormat.qamw.rawValue).map(Path.name(of:))),
            (.gguf, GGUFModel.modelFile(in: folder).map(Path.name(of:))),
        ].compactMap { format, name in name.map { (format: format, name: $0) } }
        guard present.count > 1 else { return [] }
        if present[0].format == format {
            return ["\(folder) also holds \(present.dropFirst().map(\.name).joined(separator: ", ")), which the folder does not open as any more"]
        }
        return ["\(folder) opens as \(present[0].name), which was there before; name the file of the output to open it"]
    }

    private static func parent(of path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return Path.folder(of: path)
    }
}
