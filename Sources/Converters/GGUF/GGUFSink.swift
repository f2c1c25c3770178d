package import QAMFormat

/// The destination of a GGUF output.
public enum GGUFDestination: Hashable, Sendable {
    /// One file, or if several are needed, `NAME-00001-of-00003.gguf` and so on.
    case file(String)
    /// A folder, created if necessary: `model.gguf`, or the files of a set, and side files.
    case folder(String)
}

/// Writes GGUF, version 3, little-endian.
///
/// `GGUFPlan` defines splitting and layout. All files appear at `finish`: side files first, the first file of a set last.
public final class GGUFSink: PlannedSink {
    /// `alignment` is a power of two; nil uses that of the metadata, or 32. `maxShardSize` counts bytes of tensors with padding.
    /// `replacing` permits replacing existing outputs, `resuming` continues the partial output of an interrupted run, `dotfiles` also
    /// writes side files whose names begin with a dot.
    public convenience init(
        output: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil, dotfiles: Bool = false, replacing: Bool = false,
        resuming: Bool = false
    ) {
        self.init(
            output: output, alignment: alignment, maxShardSize: maxShardSize, keepingSplit: false, dotfiles: dotfiles, replacing: replacing,
            resuming: resuming)
    }

    /// With `keepingSplit`, keeps the metadata that define a file's place in its set: the output is one file of a set.
    init(
        output destination: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil, keepingSplit: Bool, dotfiles: Bool = false,
        replacing: Bool, resuming: Bool = false
    ) {
        super.init(replacing: replacing, resuming: resuming) { source in
            let plan = try GGUFPlan(
                tensors: source.tensors, metadata: source.metadata, alignment: alignment, maxShardSize: maxShardSize, keepingSplit: keepingSplit)
            let names: GGUFNames
            switch destination {
            case .file(let path):
                names = GGUFNames(file: path, shardCount: plan.shards.count, files: source.files)
            case .folder(let path):
                try Folder.create(path)
                names = try GGUFNames(
                    folder: path, shardCount: plan.shards.count, files: SideFilePlaces(source.files, dotfiles: dotfiles))
            }
            return (names.output(plan), plan.warnings + names.warnings)
        }
    }

    /// The total size of all output files, including side files. Throws `unsupported` like `begin`.
    package static func plannedByteCount(
        of source: any TensorSource, to destination: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil,
        dotfiles: Bool = false
    ) throws -> Int {
        let plan = try GGUFPlan(tensors: source.tensors, metadata: source.metadata, alignment: alignment, maxShardSize: maxShardSize)
        guard case .folder = destination else { return plan.byteCount }
        return plan.byteCount + SideFilePlaces(source.files, dotfiles: dotfiles).byteCount
    }
}
