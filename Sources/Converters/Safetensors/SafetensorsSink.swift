package import QAMFormat

/// Where a safetensors output goes.
public enum SafetensorsDestination: Hashable, Sendable {
    /// One file. Side files have no place.
    case file(String)
    /// A folder, created if need be: `model.safetensors`, or shards with an index; side files beside them.
    case folder(String)
}

/// Writes safetensors.
///
/// Sharding and layout are those of `SafetensorsPlan`. Metadata that are not strings are written as `SafetensorsMetadata`
/// says. All files appear at `finish`: side files first, the index last.
public final class SafetensorsSink: PlannedSink {
    /// `maxShardSize` counts bytes of tensors; only a folder can take more than one shard. `replacing` lets existing
    /// outputs be replaced, `resuming` takes up the partial output of an interrupted run. Beside a folder's model only `dotfiles`
    /// writes files whose names begin with a point.
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

    /// The bytes that the output will have in all its files, side files included. Throws `unsupported` like `begin`.
    package static func plannedByteCount(
        of source: any TensorSource, to destination: SafetensorsDestination, maxShardSize: Int? = nil, dotfiles: Bool = false
    ) throws -> Int {
        let plan = try SafetensorsPlan(tensors: source.tensors, metadata: source.metadata, maxShardSize: maxShardSize)
        guard case .folder = destination else { return plan.byteCount }
        return plan.byteCount + SideFilePlaces(source.files, dotfiles: dotfiles).byteCount
    }
}
