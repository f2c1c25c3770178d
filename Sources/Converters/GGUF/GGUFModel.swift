public import QAMFormat

/// A model in GGUF: one file, a split set given by its first file, or a folder with either, named `model.gguf` or
/// `model-00001-of-00003.gguf`, and side files.
public struct GGUFModel: WrappingSource {
    public let files: [any EmbeddedFile]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    /// The files with tensors.
    package let shards: [GGUFSource]
    /// The model without side files.
    public let base: any TensorSource

    /// Opens the model, with side files only for a folder and with `takingFiles`. Throws `notFound` if a folder has no model, and what
    /// `GGUFSource` and `SplitGGUFSource` throw.
    public init(path: String, takingFiles: Bool = true) throws {
        let isFolder = try FileStatus(path)?.kind == .folder
        guard let file = try isFolder ? Self.modelFile(in: path) : path else {
            throw QAMError(.notFound, "the folder holds no model.gguf", at: .init(file: path))
        }
        try self.init(model: file, folder: isFolder && takingFiles ? path : nil)
    }

    /// The model in a file or a set given by its first file, with the folder's side files if one is given.
    package init(model file: String, folder: String?, access: AccessMode = .buffered) throws {
        let first = try GGUFSource(path: file, access: access)
        let split: GGUFSplit?
        do { split = try GGUFSplit(first.metadata) } catch let error as QAMError { throw error.inFile(file) }
        if let split {
            let set = try SplitGGUFSource(first: first, split: split, access: access)
            (base, shards) = (set, set.shards)
        } else {
            (base, shards) = (first, [first])
        }
        guard let folder else {
            (files, warnings, inputs, fingerprint) = ([], base.warnings, base.inputs, base.fingerprint)
            return
        }
        let sideFiles = try SideFiles(in: folder, besides: Set(base.inputs.map(Path.name(of:))))
        files = sideFiles.taken
        warnings = base.warnings + sideFiles.warnings
        inputs = base.inputs + sideFiles.taken.map(\.path)
        fingerprint = ([base.fingerprint] + sideFiles.taken.map { "file \($0.fingerprint)" }).joined(separator: "\n")
    }

    /// The first GGUF file of a folder's model; nil if there is none. A single file takes precedence over a set. Throws `malformed` if
    /// there are several sets.
    package static func modelFile(in folder: String) throws -> String? {
        try ShardPaths.modelFile(in: folder, fileExtension: GGUFSplit.fileExtension)
    }

    public func origin(of tensor: Int) -> Int? { tensor }

    /// The version of the files' format: `3`, or `3, big-endian`.
    package var version: String { "\(shards[0].header.version)\(shards[0].header.isBigEndian ? ", big-endian" : "")" }
}
