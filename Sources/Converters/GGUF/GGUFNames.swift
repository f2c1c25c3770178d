internal import QAMFormat

/// The paths of a GGUF output, and conflicts with existing files.
struct GGUFNames {
    private let shards: ShardPaths
    private var sideFiles: [(path: String, file: any EmbeddedFile)] = []
    private(set) var warnings: [String] = []

    /// One file, or the files of a set with the same prefix as the file's name.
    init(file path: String, shardCount: Int, files: [any EmbeddedFile]) {
        shards = ShardPaths(file: path, fileExtension: GGUFSplit.fileExtension, count: shardCount)
        if !files.isEmpty {
            let names = files.map(\.name).joined(separator: ", ")
            warnings.append("a GGUF file cannot keep \(names); give a folder to keep them")
        }
    }

    /// Throws `cannotCreate` if an existing `model.gguf` would hide the files of a set.
    init(folder: String, shardCount: Int, files: SideFilePlaces) throws {
        shards = try ShardPaths(folder: folder, fileExtension: GGUFSplit.fileExtension, count: shardCount)
        sideFiles = files.files.map { (Path.join(folder, $0.name), $0) }
        warnings = files.warnings + shards.warnings
    }

    /// The plan with its paths. The first file of a set, by which the others are found, comes last.
    func output(_ plan: GGUFPlan) -> OutputPlan {
        OutputPlan(
            shards: zip(shards.paths, plan.shards).map { OutputPlan.Shard(path: $0, header: $1.header, byteCount: $1.byteCount) },
            places: plan.places, sideFiles: sideFiles, paths: sideFiles.map(\.path) + shards.inOrderOfAppearance)
    }
}
