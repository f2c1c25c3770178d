package import QAMFormat

/// The destination and format of a model.
package struct ModelOutput: Sendable {
    package static let qamwName = "model.qamw"

    /// The file, or the folder for formats with several files.
    package let path: String
    package let format: OutputFormat
    /// The output folder, if the user named one.
    private let folder: String?

    /// `format` may be nil if the name or, for a folder, the input's format determines it.
    package init(_ path: String, format given: OutputFormat?, from input: ModelFormat) throws {
        let isFolder = try path.hasSuffix("/") || FileStatus(path)?.kind == .folder
        let format = given ?? (isFolder ? (input == .qamw ? .safetensors : .qamw) : OutputFormat(nameOf: path))
        guard let format else {
            throw QAMError(.invalidArgument, "the name ends neither in .qamw nor in .safetensors or .gguf; say the format with --to", at: .init(file: path))
        }
        self.format = format
        folder = isFolder ? path : nil
        self.path = isFolder && format == .qamw ? Path.join(path, Self.qamwName) : path
    }

    package var isFolder: Bool { folder != nil }

    private var safetensorsDestination: SafetensorsDestination { folder.map { .folder($0) } ?? .file(path) }
    private var qamwDestination: QAMDestination { folder.map { .folder($0) } ?? .file(path) }
    private var ggufDestination: GGUFDestination { folder.map { .folder($0) } ?? .file(path) }

    /// Throws `cannotCreate` for obstacles detectable before any work. `reading` lists files read in addition to the source's inputs.
    package func check(_ source: any TensorSource, _ layout: Layout = Layout(), reading configurations: [String], replacing: Bool, plannedBytes: Int) throws {
        let parent = Self.parent(of: folder ?? path)
        guard try FileStatus(parent)?.kind == .folder else {
            throw QAMError(.cannotCreate, "the folder \(parent) does not exist", at: .init(file: path))
        }
        if let folder, let status = try FileStatus(folder), status.kind != .folder {
            throw QAMError(.cannotCreate, "it exists and is not a folder", at: .init(file: path))
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

    /// Layout options, each for the formats that support it.
    package struct Layout: Sendable {
        /// For .qamw files.
        package var container: ContainerOptions
        /// Alignment of GGUF's tensors; nil uses the metadata's.
        package var alignment: Int?
        package var maxShardSize: Int?
        /// For folders: whether to write files whose names begin with a dot.
        package var dotfiles: Bool
        /// The hashes of the content that .qamw files are to keep.
        package var content: ContentLeaves?

        package init(
            container: ContainerOptions = ContainerOptions(), alignment: Int? = nil, maxShardSize: Int? = nil, dotfiles: Bool = false
        ) {
            self.container = container
            self.alignment = alignment
            self.maxShardSize = maxShardSize
            self.dotfiles = dotfiles
        }
    }

    /// The size of the output.
    package func plannedByteCount(of source: any TensorSource, _ layout: Layout) throws -> Int {
        switch format {
        case .qamw: try QAMWriter.plannedByteCount(of: source, options: layout.container, maxShardSize: layout.maxShardSize, content: layout.content)
        case .safetensors:
            try SafetensorsSink.plannedByteCount(of: source, to: safetensorsDestination, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles)
        case .gguf:
            try GGUFSink.plannedByteCount(
                of: source, to: ggufDestination, alignment: layout.alignment, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles)
        }
    }

    /// The sink, and a closure that returns the path that opens the output and the warnings, once written.
    private func sink(_ layout: Layout, replacing: Bool, resuming: Bool) -> (any TensorSink, outcome: () -> (path: String, warnings: [String])) {
        switch format {
        case .qamw:
            let sink = QAMWriter(
                output: qamwDestination, options: layout.container, maxShardSize: layout.maxShardSize, content: layout.content, replacing: replacing,
                resuming: resuming)
            return (sink, { (sink.outputs.first ?? path, sink.warnings) })
        case .safetensors:
            let sink = SafetensorsSink(
                output: safetensorsDestination, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles, replacing: replacing,
                resuming: resuming)
            return (sink, { (path, sink.warnings) })
        case .gguf:
            let sink = GGUFSink(
                output: ggufDestination, alignment: layout.alignment, maxShardSize: layout.maxShardSize, dotfiles: layout.dotfiles,
                replacing: replacing, resuming: resuming)
            return (sink, { (isFolder ? path : sink.outputs.last ?? path, sink.warnings) })
        }
    }

    /// The result of writing a model.
    package struct Written: Sendable {
        package let report: TransferReport
        /// The path that opens the output.
        package let path: String
        /// Warnings about the output for the user.
        package let warnings: [String]
    }

    /// Writes all tensors to the output. On failure nothing remains, except with `resuming` the state that a second run continues from.
    package func write(
        _ source: any TensorSource, _ layout: Layout, replacing: Bool, resuming: Bool, threads: Int,
        monitor: (TransferProgress) throws -> Void = { _ in }
    ) async throws -> Written {
        let isNewFolder = try folder.map { try FileStatus($0) == nil } ?? false
        if let folder { try Folder.create(folder) }
        let (sink, outcome) = sink(layout, replacing: replacing, resuming: resuming)
        do {
            let report = try await transfer(from: source, to: sink, threads: threads, keepingPartial: resuming, monitor: monitor)
            let (path, warnings) = outcome()
            // The output is in place: ignore errors from here on.
            return Written(report: report, path: path, warnings: warnings + ((try? otherModels()) ?? []))
        } catch {
            if isNewFolder, let folder { Folder.removeIfEmpty(folder) }
            throw error
        }
    }

    /// A warning if the output's folder also contains a model of another format: a folder opens as only one.
    private func otherModels() throws -> [String] {
        guard let folder else { return [] }
        // In the order of precedence when a folder is opened.
        func first(_ names: String...) throws -> String? { try names.first { try FileStatus(Path.join(folder, $0)) != nil } }
        let found: [(format: OutputFormat?, name: String?)] = try [
            (.safetensors, first(SafetensorsPlan.modelName, SafetensorsPlan.indexName)),
            (.qamw, ShardPaths.modelFile(in: folder, fileExtension: OutputFormat.qamw.rawValue).map(Path.name(of:))),
            (.gguf, GGUFModel.modelFile(in: folder).map(Path.name(of:))),
            (nil, HuggingFaceFolder.weights(in: folder)?.taken),
        ]
        var present: [(format: OutputFormat?, name: String)] = []
        for case (let format, let name?) in found where !present.contains(where: { $0.name == name }) { present.append((format, name)) }
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
