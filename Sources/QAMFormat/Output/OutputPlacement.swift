/// Puts the complete files of one output in place: all of them, or none, and then the old ones are where they were.
///
/// A single file replaces an old one by one rename. Where there are several, the last, by which the others are found, goes first
/// and comes last: should the machine fail in between, nobody finds a mixture of old and new files.
struct OutputPlacement {
    private enum Step {
        /// The new file has its final name.
        case placed(OutputFile)
        /// The old file at `path` has this name too, or instead.
        case setAside(path: String, name: String)
    }

    private let replacing: Bool
    private var steps: [Step] = []

    init(replacing: Bool) { self.replacing = replacing }

    /// Places the files, the last one last. Where that fails, everything is as it was, as far as the system lets it.
    mutating func place(_ files: [OutputFile]) throws {
        do {
            guard let last = files.last else { return }
            if files.count > 1, try isThere(last.path) {
                try setAside(last.path, keepingName: false)
                try SystemCalls.syncFolder(Path.folder(of: last.path))
            }
            for file in files {
                if files.count > 1, try isThere(file.path) { try setAside(file.path, keepingName: true) }
                try put(file)
                steps.append(.placed(file))
            }
        } catch {
            throw undo(after: error)
        }
    }

    /// The new files are on disk: removes the old ones. Throws `io` where one of them stays.
    func removeReplaced() throws {
        for case .setAside(let path, let name) in steps {
            do { try SystemCalls.remove(name) } catch let error as QAMError {
                throw QAMError(.io, "the output is in place, but the file that it replaced is left as \(name): \(error.message)", at: .init(file: path))
            }
        }
    }

    private func isThere(_ path: String) throws -> Bool { try replacing && FileStatus(path) != nil }

    /// Gives an old file another name. `keepingName` leaves it under its own too, where the file system has links.
    private mutating func setAside(_ path: String, keepingName: Bool) throws {
        let name = TemporaryFiles.uniqueName(beside: path, kind: "replaced")
        if !(try keepingName && SystemCalls.link(path, to: name)) { try SystemCalls.rename(path, to: name) }
        steps.append(.setAside(path: path, name: name))
    }

    /// Gives a file its final name: that of another file only where files are replaced.
    private func put(_ file: OutputFile) throws {
        try file.requireName()
        if try isThere(file.path) { return try SystemCalls.rename(file.temporaryPath, to: file.path) }
        // Unlike a rename, a link never replaces what another process has put there in the meantime.
        if try SystemCalls.link(file.temporaryPath, to: file.path) {
            do { try SystemCalls.remove(file.temporaryPath) } catch {
                try? SystemCalls.remove(file.path)
                throw error
            }
            return
        }
        guard try FileStatus(file.path) == nil else { throw QAMError(.cannotCreate, "it exists", at: .init(file: file.path)) }
        try SystemCalls.rename(file.temporaryPath, to: file.path)
    }

    /// Takes all steps back, the last first, and returns the error with what could not be taken back.
    private mutating func undo(after error: any Error) -> any Error {
        var left: [String] = []
        for step in steps.reversed() {
            switch step {
            case .placed(let file):
                do { try SystemCalls.rename(file.path, to: file.temporaryPath) } catch { left.append("\(file.path) is new") }
            case .setAside(let path, let name):
                do {
                    // Two names of one file: a rename would leave both.
                    if let one = try FileStatus(path), let other = try FileStatus(name), one.isSameFile(as: other) {
                        try SystemCalls.remove(name)
                    } else {
                        try SystemCalls.rename(name, to: path)
                    }
                } catch { left.append("the old \(path) is \(name)") }
            }
        }
        steps = []
        guard !left.isEmpty, let error = error as? QAMError else { return error }
        return QAMError(error.code, "\(error.message); this could not be undone: \(left.joined(separator: ", "))", at: error.place)
    }
}
