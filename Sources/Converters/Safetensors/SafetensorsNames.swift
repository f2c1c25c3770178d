internal import QAMFormat

/// The paths of a safetensors output, and conflicts with existing files.
struct SafetensorsNames {
    private(set) var shards: [String]
    private(set) var index: String?
    private(set) var sideFiles: [(path: String, file: any EmbeddedFile)] = []
    private(set) var warnings: [String] = []

    /// The plan with its paths. The index comes last.
    func output(_ plan: SafetensorsPlan) -> OutputPlan {
        OutputPlan(
            shards: zip(shards, plan.shards).map { OutputPlan.Shard(path: $0, header: $1.header, byteCount: $1.byteCount) },
            places: plan.places, sideFiles: sideFiles, index: pair(index, plan.index),
            paths: sideFiles.map(\.path) + shards + (index.map { [$0] } ?? []))
    }

    private func pair(_ path: String?, _ bytes: [UInt8]?) -> (path: String, bytes: [UInt8])? {
        guard let path, let bytes else { return nil }
        return (path, bytes)
    }

    /// Throws `invalidArgument` if the plan needs more than one file.
    init(file path: String, plan: SafetensorsPlan, files: [any EmbeddedFile]) throws {
        guard plan.shards.count == 1 else {
            throw QAMError(.invalidArgument, "\(plan.shards.count) shards do not fit into one file; give a folder", at: .init(file: path))
        }
        shards = [path]
        if !files.isEmpty {
            let names = files.map(\.name).joined(separator: ", ")
            warnings.append("a single safetensors file cannot keep \(names); give a folder to keep them")
        }
    }

    /// Throws `cannotCreate` if an existing `model.safetensors` would hide the shards from loaders.
    init(folder: String, plan: SafetensorsPlan, files: SideFilePlaces) throws {
        shards = plan.shardNames.map { Path.join(folder, $0) }
        index = plan.index == nil ? nil : Path.join(folder, SafetensorsPlan.indexName)
        let own = Set(plan.shardNames + [SafetensorsPlan.modelName, SafetensorsPlan.indexName])
        sideFiles = files.files.map { (Path.join(folder, $0.name), $0) }
        warnings = files.warnings
        let hiding = Path.join(folder, SafetensorsPlan.modelName)
        if index != nil, try FileStatus(hiding) != nil {
            throw QAMError(.cannotCreate, "loaders would take it instead of the shards; remove it first", at: .init(file: hiding))
        }
        let stale = try Folder.names(in: folder).filter {
            !own.contains($0) && Self.isShard($0) || index == nil && $0 == SafetensorsPlan.indexName
        }
        if !stale.isEmpty {
            warnings.append("files of another model stay in \(folder): \(Format.list(stale))")
        }
    }

    private static func isShard(_ name: String) -> Bool {
        ShardName(name, fileExtension: SafetensorsPlan.fileExtension)?.prefix == ShardPaths.modelPrefix
    }
}
