/// The files of one output. They appear together under their final names, or the old ones stay.
///
/// No output is an input of the same run, whatever name it goes by. What has been put in place is never removed again.
package final class OutputSet {
    private let replacing: Bool
    private let inputs: [FileStatus]
    /// The files by the paths that they were asked for under. One that is a symbolic link stays, and what it leads to is replaced.
    private var entries: [(path: String, file: OutputFile)] = []
    private var journal: ResumeJournal?

    /// `inputs` are the paths that no output may replace. Throws `io` where one cannot be reached.
    package init(inputs: [String], replacing: Bool) throws {
        self.replacing = replacing
        self.inputs = try inputs.compactMap { try FileStatus($0) }
    }

    /// Throws `cannotCreate` where the path is taken, or is an input by this or another name.
    package func check(_ path: String) throws {
        for candidate in [path, ResumeJournal.partialPath(path), ResumeJournal.path(for: path)] {
            if let status = try FileStatus(candidate), inputs.contains(where: { $0.isSameFile(as: status) }) {
                throw QAMError(.cannotCreate, "it is an input; choose another output", at: .init(file: candidate))
            }
        }
        guard let status = try FileStatus(path) else {
            guard try FileStatus(link: path) == nil else {
                throw QAMError(.cannotCreate, "it is a symbolic link that leads nowhere", at: .init(file: path))
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

    /// Checks the paths and opens files for them that an interrupted run leaves to the next one, with the journal that owns
    /// them. Each is made as long as `lengths` say at the least. `main` names the journal; `fingerprint` tells input and options from
    /// others.
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

    /// The path itself, or that of the file that a symbolic link leads to.
    private static func target(of path: String) throws -> String {
        try FileStatus(link: path)?.kind == .other ? Path.resolvingLinks(path) : path
    }

    /// Throws `cannotCreate` unless the file system has room for what is left of `length` bytes.
    package func requireSpace(for length: Int) throws {
        guard let path = entries.first?.file.path, let free = Folder.freeBytes(at: Path.folder(of: path)) else { return }
        let needed = try entries.reduce(length) { $0 - (try $1.file.allocatedByteCount()) }
        guard needed > free else { return }
        throw QAMError(.cannotCreate, "\(needed) bytes are needed, but only \(free) are free there", at: .init(file: path))
    }

    /// Checks the path and opens a file for it that no later run takes up.
    package func add(_ path: String) throws -> OutputFile {
        try check(path)
        let file = try OutputFile.underRandomName(Self.target(of: path))
        entries.append((path, file))
        return file
    }

    /// Writes a small file whole.
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

    /// Brings all files to disk and puts them in place, in the order of `paths`: what makes the others findable comes last.
    ///
    /// Throws what has failed. Where that was after the files were put in place, the error is an `io` that says so.
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
                throw QAMError(.io, "the output is in place, but the system could not bring its folder to disk: \(error.message)", at: .init(file: path))
            }
        }
    }

    /// Gives up: removes the temporary files, or leaves those that a resumed run takes up.
    package func discard(keepingPartial: Bool) {
        for (_, file) in entries { file.discard(keepingPartial: keepingPartial && journal?.owns(file) == true) }
        entries = []
        journal?.discard(keepingPartial: keepingPartial)
        journal = nil
    }
}
