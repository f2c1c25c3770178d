internal import QAMFormat

/// The paths of a GGUF output, and what speaks against them.
struct GGUFNames {
    static let modelPrefix = "model"
    static let modelName = "model.gguf"

    private var shards: [String]
    private var sideFiles: [(path: String, file: any EmbeddedFile)] = []
    private(set) var warnings: [String] = []

    /// One file, or the files of a set whose names begin as the file's does.
    init(file path: String, shardCount: Int, files: [any EmbeddedFile]) {
        shards = Self.shards(prefix: path.hasSuffix(".gguf") ? String(path.dropLast(5)) : path, whole: path, count: shardCount)
        if !files.isEmpty {
            let names = files.map(\.name).joined(separator: ", ")
            warnings.append("a GGUF file cannot keep \(names); give a folder to keep them")
        }
    }

    /// Throws `cannotCreate` where a `model.gguf` would hide the files of a set.
    init(folder: String, shardCount: Int, files: SideFilePlaces) throws {
        let hiding = Path.join(folder, Self.modelName)
        shards = Self.shards(prefix: Path.join(folder, Self.modelPrefix), whole: hiding, count: shardCount)
        let own = Set(shards.map(Path.name(of:)) + [Self.modelName])
        sideFiles = files.files.map { (Path.join(folder, $0.name), $0) }
        warnings = files.warnings
        if shardCount > 1, try FileStatus(hiding) != nil {
            throw QAMError(.cannotCreate, "it would be taken instead of the files of the set; remove it first", at: .init(file: hiding))
        }
        let stale = try Folder.names(in: folder).filter { !own.contains($0) && Self.isShard($0) }
        if !stale.isEmpty {
            let names = stale.prefix(3).joined(separator: ", ") + (stale.count > 3 ? ", ..." : "")
            warnings.append("files of another model stay in \(folder): \(names)")
        }
    }

    /// The plan with its paths. The first file of a set, which the others are found by, comes last.
    func output(_ plan: GGUFPlan) -> OutputPlan {
        OutputPlan(
            shards: zip(shards, plan.shards).map { OutputPlan.Shard(path: $0, header: $1.header, byteCount: $1.byteCount) },
            places: plan.places, sideFiles: sideFiles, paths: sideFiles.map(\.path) + shards.dropFirst() + shards.prefix(1))
    }

    private static func shards(prefix: String, whole: String, count: Int) -> [String] {
        count == 1 ? [whole] : (0..<count).map { GGUFSplit.name(prefix: prefix, number: $0, count: count) }
    }

    /// Whether a name is that of a file of some set called "model".
    static func isShard(_ name: String) -> Bool {
        name.hasPrefix("\(modelPrefix)-") && name.contains("-of-") && name.hasSuffix(".gguf")
    }
}
