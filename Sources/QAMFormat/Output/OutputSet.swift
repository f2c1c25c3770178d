/// The files of one output. They appear together under their final names, or the old ones stay.
///
/// No output replaces an input of the same run, under any name. Placed files are never removed.
package final class OutputSet {
    private let replacing: Bool
    private let inputs: [FileStatus]
    /// The files by their requested paths. A symbolic link stays, and its target is replaced.
    private var entries: [(path: String, file: OutputFile)] = []
    private var journal: ResumeJournal?
    /// Folders that were created for files of this output, outer ones first.
    private var folders: [String] = []

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

    /// Copies an embedded file to `path`, which ends in its name; folders in the name are created.
    package func add(_ path: String, copying embedded: any EmbeddedFile) throws {
        try createFolders(of: embedded.name, at: path)
        let file = try add(path)
        for start in stride(from: 0, to: embedded.byteCount, by: 1 << 20) {
            try file.write(try embedded.read(start..<min(start + 1 << 20, embedded.byteCount)), at: start)
        }
    }

    /// Creates the folders of a relative name. Throws `cannotCreate` if one exists as something else: through a link, the file would lie elsewhere.
    private func createFolders(of name: String, at path: String) throws {
        let slash = UInt8(ascii: "/")
        guard EmbeddedFileName.isValid(name), path.hasSuffix(name) else {
            throw QAMError(.invalidArgument, "\"\(name)\" is not a relative file name", at: .init(file: path))
        }
        for end in path.utf8.indices where path.utf8[end] == slash && path.utf8.distance(from: end, to: path.utf8.endIndex) <= name.utf8.count {
            let folder = String(path[..<end])
            switch try FileStatus(link: folder)?.kind {
            case .folder?: continue
            case nil:
                try Folder.create(folder)
                folders.append(folder)
            case .file?, .other?: throw QAMError(.cannotCreate, "it is not a folder, and \(name) belongs into one", at: .init(file: folder))
            }
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
        let synced = ordered.map(\.path) + folders
        folders = []
        for end in [{ try Self.syncFolders(of: synced) }, placement.removeReplaced, { try self.journal?.remove() }] as [() throws -> Void] {
            do { try end() } catch let error as QAMError { failures.append(error) }
        }
        journal = nil
        if let failure = failures.first { throw failure }
    }

    private static func syncFolders(of paths: [String]) throws {
        let folders = Dictionary(paths.map { (Path.folder(of: $0), $0) }, uniquingKeysWith: { $1 })
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
        for folder in folders.reversed() { Folder.removeIfEmpty(folder) }
        folders = []
        journal?.discard(keepingPartial: keepingPartial)
        journal = nil
    }
}
