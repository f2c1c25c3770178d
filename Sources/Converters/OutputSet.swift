package import QAMFormat

/// The files of one output, which appear together or, as far as renames allow, not at all.
///
/// The caller says in which order they appear, so the one that makes the others findable comes last. Should a commit
/// fail, discarding removes those that have appeared already: part of a model is worse than none.
package final class OutputSet {
    private let replacing: Bool
    private let resuming: Bool
    private let inputs: [FileStatus]
    private var files: [OutputFile] = []
    private var committed: [String] = []

    /// `inputs` are the paths that no output may replace.
    package init(inputs: [String], replacing: Bool, resuming: Bool) {
        self.replacing = replacing
        self.resuming = resuming
        self.inputs = inputs.compactMap { FileStatus($0) }
    }

    /// Throws `cannotCreate` where the path is taken, or is an input by this or another name.
    package func check(_ path: String) throws {
        for candidate in [path, path + ".partial"] {
            if let status = FileStatus(candidate), inputs.contains(where: { $0.device == status.device && $0.inode == status.inode }) {
                throw QAMError(.cannotCreate, "it is an input; choose another output", at: .init(file: candidate))
            }
        }
        try OutputFile.checkReplaceable(path, replacing: replacing)
    }

    /// Checks the path and opens its partial file.
    package func add(_ path: String) throws -> OutputFile {
        try check(path)
        let file = try OutputFile(path: path, replacing: replacing, resuming: resuming)
        files.append(file)
        return file
    }

    /// Writes a small file whole.
    package func add(_ path: String, bytes: [UInt8]) throws {
        let file = try add(path)
        try file.write(bytes, at: 0)
        try file.setLength(bytes.count)
    }

    /// Copies an embedded file.
    package func add(_ path: String, copying embedded: any EmbeddedFile) throws {
        let file = try add(path)
        for start in stride(from: 0, to: embedded.byteCount, by: 1 << 20) {
            try file.write(try embedded.read(start..<min(start + 1 << 20, embedded.byteCount)), at: start)
        }
        try file.setLength(embedded.byteCount)
    }

    /// Commits the files in the order of `paths`.
    package func commit(_ paths: [String]) throws {
        for path in paths {
            guard let file = files.first(where: { $0.path == path }) else { continue }
            // A failure after the rename leaves the file under its name.
            defer { if FileStatus(file.partialPath) == nil { committed.append(path) } }
            try file.commit()
        }
    }

    package func discard(keepingPartial: Bool) {
        for path in committed { SystemCalls.remove(path) }
        for file in files { file.discard(keepingPartial: keepingPartial) }
        files = []
        committed = []
    }
}
