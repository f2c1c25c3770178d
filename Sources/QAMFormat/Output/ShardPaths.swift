/// The paths of a model's files: one, or a set that its first file opens.
package struct ShardPaths: Sendable {
    /// The prefix of the names of a folder's model files.
    package static let modelPrefix = "model"

    /// One for each file, in order.
    package let paths: [String]
    package private(set) var warnings: [String] = []

    /// One file at `path`, or a set with the prefix of its name.
    package init(file path: String, fileExtension: String, count: Int) {
        let ending = "." + fileExtension
        paths = Self.paths(path.hasSuffix(ending) ? String(path.dropLast(ending.count)) : path, whole: path, fileExtension, count)
    }

    /// `model.EXTENSION`, or a set. Throws `cannotCreate` if an existing `model.EXTENSION` would take precedence over the set, and `io`.
    package init(folder: String, fileExtension: String, count: Int) throws {
        let whole = Path.join(folder, "\(Self.modelPrefix).\(fileExtension)")
        paths = Self.paths(Path.join(folder, Self.modelPrefix), whole: whole, fileExtension, count)
        guard let status = try FileStatus(folder), status.kind == .folder else { return }
        if count > 1, try FileStatus(whole) != nil {
            throw QAMError(.cannotCreate, "it would be taken instead of the files of the set; remove it first", at: .init(file: whole))
        }
        let own = Set(paths.map(Path.name(of:)))
        let stale = try Folder.names(in: folder).filter { name in
            !own.contains(name) && ShardName(name, fileExtension: fileExtension)?.prefix == Self.modelPrefix
        }
        if !stale.isEmpty {
            warnings.append("files of another model stay in \(folder): \(Format.list(stale))")
        }
    }

    /// The first file, by which the others are found, comes last.
    package var inOrderOfAppearance: [String] { Array(paths.dropFirst() + paths.prefix(1)) }

    private static func paths(_ prefix: String, whole: String, _ fileExtension: String, _ count: Int) -> [String] {
        if count == 1 { return [whole] }
        return (1...count).map { ShardName(prefix: prefix, number: $0, count: count, fileExtension: fileExtension).description }
    }

    /// The file that opens a folder's model; nil if there is none. A single file takes precedence over a set. Throws `malformed` if there are
    /// several sets.
    package static func modelFile(in folder: String, fileExtension: String) throws -> String? {
        let whole = Path.join(folder, "\(modelPrefix).\(fileExtension)")
        if try FileStatus(whole) != nil { return whole }
        let firsts = try Folder.names(in: folder).filter { name in
            guard let shard = ShardName(name, fileExtension: fileExtension) else { return false }
            return shard.prefix == modelPrefix && shard.number == 1
        }
        guard firsts.count <= 1 else {
            throw QAMError(.malformed, "the folder holds several sets: \(firsts.joined(separator: ", ")); name one of them", at: .init(file: folder))
        }
        return firsts.first.map { Path.join(folder, $0) }
    }

    /// Among these names, those that open a model whatever it is called: single files and the first ones of sets.
    package static func openers(among names: [String], fileExtension: String) -> [String] {
        names.filter { name in
            guard name.hasSuffix(".\(fileExtension)"), !name.hasPrefix(".") else { return false }
            return ShardName(name, fileExtension: fileExtension).map { $0.number == 1 } ?? true
        }
    }
}
