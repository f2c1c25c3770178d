/// Puts the complete files of one output in place: all of them, or none, restoring the old ones.
///
/// A single file replaces an old one by rename. With several, the last, by which the others are found (such as an index), is removed first
/// and placed last: after a crash nobody finds a mixture of old and new files.
struct OutputPlacement {
    private enum Step {
        /// The new file has its final name.
        case placed(OutputFile)
        /// The old file at `path` has the name `name`, additionally or instead.
        case setAside(path: String, name: String)
    }

    private let replacing: Bool
    private var steps: [Step] = []

    init(replacing: Bool) { self.replacing = replacing }

    /// Places the files, the last one last. On failure restores the previous state as far as possible.
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

    /// Removes the old files after the new ones are on disk. Throws `io` if one cannot be removed.
    func removeReplaced() throws {
        for case .setAside(let path, let name) in steps {
            do { try SystemCalls.remove(name) } catch let error as QAMError {
                throw QAMError(.io, "the output is in place, but the file that it replaced is left as \(name): \(error.message)", at: .init(file: path))
            }
        }
    }

    private func isThere(_ path: String) throws -> Bool { try replacing && FileStatus(path) != nil }

    /// Renames an old file. `keepingName` keeps its name too, if the file system has hard links.
    private mutating func setAside(_ path: String, keepingName: Bool) throws {
        let name = TemporaryFiles.uniqueName(beside: path, kind: "replaced")
        if !(try keepingName && SystemCalls.link(path, to: name)) { try SystemCalls.rename(path, to: name) }
        steps.append(.setAside(path: path, name: name))
    }

    /// Gives a file its final name, replacing an existing one only if allowed.
    private func put(_ file: OutputFile) throws {
        try file.requireName()
        if try isThere(file.path) { return try SystemCalls.rename(file.temporaryPath, to: file.path) }
        // Unlike a rename, a link never replaces a file created by another process in the meantime.
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

    /// Undoes all steps in reverse order, and returns the error with what could not be undone.
    private mutating func undo(after error: any Error) -> any Error {
        var left: [String] = []
        for step in steps.reversed() {
            switch step {
            case .placed(let file):
                do { try SystemCalls.rename(file.path, to: file.temporaryPath) } catch { left.append("\(file.path) is new") }
            case .setAside(let path, let name):
                do {
                    // Two names of one file: rename would be a no-op.
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
