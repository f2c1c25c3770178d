package import QAMFormat

/// The destination of a safetensors output.
public enum SafetensorsDestination: Hashable, Sendable {
    /// One file. Side files cannot be stored.
    case file(String)
    /// A folder, created if necessary: `model.safetensors`, or shards with an index, and side files.
    case folder(String)
}

/// Writes safetensors.
///
/// `SafetensorsPlan` defines sharding and layout, `SafetensorsMetadata` the representation of metadata that are not strings. All files
/// appear at `finish`: side files first, the index last.
public final class SafetensorsSink: PlannedSink {
    /// `maxShardSize` counts bytes of tensors; several shards require a folder. `replacing` permits replacing existing outputs, `resuming`
    /// continues the partial output of an interrupted run, `dotfiles` also writes side files whose names begin with a dot.
    public init(
        output destination: SafetensorsDestination, maxShardSize: Int? = nil, dotfiles: Bool = false, replacing: Bool = false, resuming: Bool = false
    ) {
        super.init(replacing: replacing, resuming: resuming) { source in
            let plan = try SafetensorsPlan(tensors: source.tensors, metadata: source.metadata, maxShardSize: maxShardSize)
            let names: SafetensorsNames
            switch destination {
            case .file(let path):
                names = try SafetensorsNames(file: path, plan: plan, files: source.files)
            case .folder(let path):
                try Folder.create(path)
                names = try SafetensorsNames(folder: path, plan: plan, files: SideFilePlaces(source.files, dotfiles: dotfiles))
            }
            return (names.output(plan), names.warnings)
        }
    }

    /// The total size of all output files, including side files. Throws `unsupported` like `begin`.
    package static func plannedByteCount(
        of source: any TensorSource, to destination: SafetensorsDestination, maxShardSize: Int? = nil, dotfiles: Bool = false
    ) throws -> Int {
        let plan = try SafetensorsPlan(tensors: source.tensors, metadata: source.metadata, maxShardSize: maxShardSize)
        guard case .folder = destination else { return plan.byteCount }
        return plan.byteCount + SideFilePlaces(source.files, dotfiles: dotfiles).byteCount
    }
}
