/// The destination of a .qamw output.
public enum QAMDestination: Hashable, Sendable {
    /// One file, or a set `NAME-00001-of-00003.qamw` and so on.
    case file(String)
    /// An existing folder: `model.qamw`, or the files of a set.
    case folder(String)
}

/// Writes .qamw in one streaming pass: all offsets follow from the shapes, except those of compressed raw tensors, which come last. The files get their final
/// names, the first file of a set last, when all are complete and on disk.
public final class QAMWriter: TensorSink {
    private let destination: QAMDestination
    private let options: ContainerOptions
    private let maxShardSize: Int?
    private let replacing: Bool
    private let resuming: Bool
    /// The sections of a file that is rewritten.
    private var kept = KeptSections()
    /// The hashes of the content, if the files are to keep them.
    private let content: ContentLeaves?
    /// Warnings about other files in the folder of the output. Complete after `begin`.
    public private(set) var warnings: [String] = []
    /// The paths of all files of the output, in order. Known after `begin`.
    public private(set) var outputs: [String] = []

    private var output: ContainerOutput?

    /// Prepares to write. If the tensors have more than `maxShardSize` bytes, the output is a set. With `replacing`, existing files are replaced at the end;
    /// with `resuming`, the partial files of an interrupted run are continued, if any.
    public convenience init(
        output destination: QAMDestination, options: ContainerOptions = ContainerOptions(), maxShardSize: Int? = nil, replacing: Bool = false,
        resuming: Bool = false
    ) {
        self.init(output: destination, options: options, maxShardSize: maxShardSize, content: nil, replacing: replacing, resuming: resuming)
    }

    /// The same with the hashes of the source's content, which the files keep.
    package init(
        output destination: QAMDestination, options: ContainerOptions, maxShardSize: Int?, content: ContentLeaves?, replacing: Bool, resuming: Bool
    ) {
        self.content = content
        self.destination = destination
        self.options = options
        self.maxShardSize = maxShardSize
        self.replacing = replacing
        self.resuming = resuming
    }

    /// Prepares to write one file.
    public convenience init(path: String, options: ContainerOptions = ContainerOptions(), replacing: Bool = false, resuming: Bool = false) {
        self.init(output: .file(path), options: options, replacing: replacing, resuming: resuming)
    }

    /// Prepares to rewrite an open file with other metadata. A file of a set keeps its place in the set.
    convenience init(rewriting file: ContainerFile, at path: String) throws {
        self.init(path: path, options: file.options, replacing: true)
        kept = KeptSections(shards: file.shard?.bytes ?? [], content: try file.contentSection()?.bytes ?? [])
    }

    /// The size of the output, over all its files: exact, unless raw tensors are compressed, which makes it smaller, or slightly larger if they are
    /// incompressible.
    public static func plannedByteCount(
        of source: any TensorSource, options: ContainerOptions = ContainerOptions(), maxShardSize: Int? = nil
    ) throws -> Int {
        try plannedByteCount(of: source, options: options, maxShardSize: maxShardSize, content: nil)
    }

    /// The same of files that keep these hashes of the content.
    package static func plannedByteCount(
        of source: any TensorSource, options: ContainerOptions, maxShardSize: Int?, content: ContentLeaves?
    ) throws -> Int {
        try ContainerLayout(source, options: options, maxShardSize: maxShardSize, content: content).files.reduce(0) { sum, file in
            sum + (try file.plan.byteCount(storing: file.source.files))
        }
    }

    /// The paths of the output. Throws as `begin` if a file would take precedence over a set, and for content that the format does not allow.
    package static func plannedPaths(
        of source: any TensorSource, to destination: QAMDestination, options: ContainerOptions, maxShardSize: Int?
    ) throws -> [String] {
        try paths(destination, count: ContainerLayout(source, options: options, maxShardSize: maxShardSize).files.count).paths
    }

    private static func paths(_ destination: QAMDestination, count: Int) throws -> ShardPaths {
        switch destination {
        case .file(let path): ShardPaths(file: path, fileExtension: ContainerFile.fileExtension, count: count)
        case .folder(let path): try ShardPaths(folder: path, fileExtension: ContainerFile.fileExtension, count: count)
        }
    }

    public func begin(_ source: any TensorSource) throws -> [TensorFindings] {
        let layout = try ContainerLayout(source, options: options, maxShardSize: maxShardSize, keeping: kept, content: content)
        let paths = try Self.paths(destination, count: layout.files.count)
        outputs = paths.paths
        warnings = paths.warnings
        let set = try OutputSet(inputs: source.inputs, replacing: replacing)
        let output = try ContainerOutput(source: source, layout: layout, paths: paths, set: set, resuming: resuming)
        self.output = output
        return try output.begin()
    }

    public func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws {
        try opened().write(chunk, of: tensor)
    }

    public func endTensor(_ tensor: Int, findings: TensorFindings) throws {
        try opened().endTensor(tensor, findings: findings)
    }

    public func finish() throws -> Int {
        try opened().finish()
    }

    public func discard(keepingPartial: Bool) {
        output?.discard(keepingPartial: keepingPartial)
        output = nil
    }

    private func opened() throws -> ContainerOutput {
        guard let output else { throw QAMError(.invalidArgument, "the writer is not open", at: .init(file: outputs.first)) }
        return output
    }
}
