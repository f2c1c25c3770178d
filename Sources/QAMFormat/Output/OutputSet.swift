/// The files of one output. They appear together under their final names, or the old ones stay.
///
/// No output replaces an input of the same run, under any name. Placed files are never removed.
package final class OutputSet {
    private let replacing: Bool
    private let inputs: [FileStatus]
    /// The files by their requested paths. A symbolic link stays, and its target is replaced.
    private var entries: [(path: String, file: OutputFile)] = []
    private var journal: ResumeJournal?

    /// `inputs` are paths that no output may replace. Throws `io` if one cannot be accessed.
    package init(inputs: [String], replacing: Bool) throws {
        self.replacing = replacing
        self.inputs = try inputs.compactMap { try FileStatus($0) }
    }

    /// Throws `cannotCreate` if the path exists, or is an input under any name.
    package func check(_ path: String) throws {
        for candidate in [path, ResumeJournal.partialPath(path), ResumeJournal.path(for: path)] {
            if let status = try FileStatus(candidate), inputs.contains(where: { $0.isSameFile(as: status) }) {
                throw QAMError(.cannotCreate, "it is an input; choose another output", at: .init(file: candidate))
            }
        }
        guard let status = try FileStatus(path) else {
            guard try FileStatus(link: path) == nil else {
                throw QAMError(.cannotCreate, "it is a dangling symbolic link", at: .init(file: path))
            }
            return
        }
        guard status.kind == .file else {
            throw QAMError(.cannotCreate, "it exists and is not a regular file", at: .init(file: path))
        }
        guard replacing else {
            throw QAMError(.cannotCreate, "it exists; --force replaces it", at: .init(file: path))
        }
    }

    /// Checks the paths and opens files that an interrupted run can resume, with the journal that owns them. Each has at least the length
    /// in `lengths`. `main` names the journal; `fingerprint` identifies input and options.
    package func open(
        _ paths: [String], lengths: [Int], main: String, fingerprint: String, resuming: Bool
    ) throws -> (files: [OutputFile], journal: ResumeJournal) {
        for path in paths { try check(path) }
        let journal = try ResumeJournal(
            output: Self.target(of: main), paths: paths.map(Self.target), lengths: lengths, fingerprint: fingerprint, resuming: resuming)
        self.journal = journal
        entries += zip(paths, journal.files).map { ($0, $1) }
        return (journal.files, journal)
    }

    /// The path with symbolic links resolved.
    private static func target(of path: String) throws -> String {
        try FileStatus(link: path)?.kind == .other ? Path.resolvingLinks(path) : path
    }

    /// Throws `cannotCreate` unless the file system has room for the rest of `length` bytes.
    package func requireSpace(for length: Int) throws {
        guard let path = entries.first?.file.path, let free = Folder.freeBytes(at: Path.folder(of: path)) else { return }
        let needed = try entries.reduce(length) { $0 - (try $1.file.allocatedByteCount()) }
        guard needed > free else { return }
        throw QAMError(.cannotCreate, "\(needed) bytes are needed, but only \(free) are free", at: .init(file: path))
    }

    /// Checks the path and opens a file that cannot be resumed.
    package func add(_ path: String) throws -> OutputFile {
        try check(path)
        let file = try OutputFile.underRandomName(Self.target(of: path))
        entries.append((path, file))
        return file
    }

    /// Writes a small file at once.
    package func add(_ path: String, bytes: [UInt8]) throws {
        try add(path).write(bytes, at: 0)
    }

    /// Copies an embedded file.
    package func add(_ path: String, copying embedded: any EmbeddedFile) throws {
        let file = try add(path)
        for start in stride(from: 0, to: embedded.byteCount, by: 1 << 20) {
            try file.write(try embedded.read(start..<min(start + 1 << 20, embedded.byteCount)), at: start)
        }
    }

    /// Flushes all files to disk and puts them in place, in the order of `paths`: the one by which the others are found is last.
    ///
    /// If a failure occurs after the files are in place, the error is an `io` that says so.
    package func commit(_ paths: [String]) throws {
        let ordered = try paths.map { path in
            guard let entry = entries.first(where: { $0.path == path }) else {
                throw QAMError(.invalidArgument, "nothing has been written for it", at: .init(file: path))
            }
            return entry.file
        }
        for file in ordered { try file.sync() }
        var placement = OutputPlacement(replacing: replacing)
        try TemporaryFiles.whilePlacing(ordered) { try placement.place(ordered) }
        for file in ordered { file.wasPlaced() }
        entries = []
        var failures: [QAMError] = []
        for end in [{ try Self.syncFolders(of: ordered) }, placement.removeReplaced, { try self.journal?.remove() }] as [() throws -> Void] {
            do { try end() } catch let error as QAMError { failures.append(error) }
        }
        journal = nil
        if let failure = failures.first { throw failure }
    }

    private static func syncFolders(of files: [OutputFile]) throws {
        let folders = Dictionary(files.map { (Path.folder(of: $0.path), $0.path) }, uniquingKeysWith: { $1 })
        for (folder, path) in folders {
            do { try SystemCalls.syncFolder(folder) } catch let error as QAMError {
                throw QAMError(.io, "the output is in place, but its folder could not be flushed to disk: \(error.message)", at: .init(file: path))
            }
        }
    }

    /// Removes the temporary files, or keeps those that can be resumed.
    package func discard(keepingPartial: Bool) {
        for (_, file) in entries { file.discard(keepingPartial: keepingPartial && journal?.owns(file) == true) }
        entries = []
        journal?.discard(keepingPartial: keepingPartial)
        journal = nil
    }
}
