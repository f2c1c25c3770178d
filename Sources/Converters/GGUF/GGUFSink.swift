package import QAMFormat

/// Where a GGUF output goes.
public enum GGUFDestination: Hashable, Sendable {
    /// One file, or where it needs several `NAME-00001-of-00003.gguf` and so on.
    case file(String)
    /// A folder, created if need be: `model.gguf`, or files of a set; side files beside them.
    case folder(String)
}

/// Writes GGUF, version 3, little-endian.
///
/// Splitting and layout are those of `GGUFPlan`. All files appear at `finish`: side files first, the first file of a set last.
public final class GGUFSink: PlannedSink {
    /// `alignment` is a power of two; nil takes what the metadata say, or 32. `maxShardSize` counts bytes of tensors with
    /// their padding. `replacing` lets existing outputs be replaced, `resuming` takes up the partial output of an
    /// interrupted run. Beside a folder's model only `dotfiles` writes files whose names begin with a point.
    public convenience init(
        output: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil, dotfiles: Bool = false, replacing: Bool = false,
        resuming: Bool = false
    ) {
        self.init(
            output: output, alignment: alignment, maxShardSize: maxShardSize, keepingSplit: false, dotfiles: dotfiles, replacing: replacing,
            resuming: resuming)
    }

    /// With `keepingSplit` the metadata that place a file in its set are the source's: the output is one file of a set.
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

    /// The bytes that the output will have in all its files, side files included. Throws `unsupported` like `begin`.
    package static func plannedByteCount(
        of source: any TensorSource, to destination: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil,
        dotfiles: Bool = false
    ) throws -> Int {
        let plan = try GGUFPlan(tensors: source.tensors, metadata: source.metadata, alignment: alignment, maxShardSize: maxShardSize)
        guard case .folder = destination else { return plan.byteCount }
        return plan.byteCount + SideFilePlaces(source.files, dotfiles: dotfiles).byteCount
    }
}
