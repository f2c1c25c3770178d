package import QAMFormat

/// Those of a model's files that are written beside its weights, each under its own name.
///
/// Their names come from a stranger. None may become, replace or hide a file that is written for the model itself: its weights,
/// an index of them, a temporary file, a journal; nor may two names be one on a file system that folds case. What is not
/// written is named in a warning.
package struct SideFilePlaces {
    package private(set) var files: [any EmbeddedFile] = []
    package private(set) var warnings: [String] = []

    /// Endings, in lower case, of names that loaders or this program take for parts of a model, or for an output that is being
    /// written.
    private static let reservedEndings = [".safetensors", ".gguf", ".qamw", ".index.json", ".partial", ".journal"]

    /// `dotfiles`: also files whose names begin with a point, which folders hide.
    package init(_ files: [any EmbeddedFile], dotfiles: Bool) {
        var taken: Set<String> = []
        // A name that is folded already, as config.json, is not given away to another that only looks like it.
        let plain = Set(files.lazy.map(\.name).filter { Self.folded($0).utf8.elementsEqual($0.utf8) })
        for file in files {
            let folded = Self.folded(file.name)
            let isOnly = folded.utf8.elementsEqual(file.name.utf8) || !plain.contains(folded)
            if let obstacle = Self.obstacle(file.name, dotfiles: dotfiles)
                ?? (isOnly && taken.insert(folded).inserted ? nil : "another file has this name where case does not count")
            {
                warnings.append("the file \"\(file.name)\" is not written beside the model: \(obstacle)")
            } else {
                self.files.append(file)
            }
        }
    }

    package var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

    /// What speaks against writing a file of this name.
    private static func obstacle(_ name: String, dotfiles: Bool) -> String? {
        guard EmbeddedFileName.isValid(name) else { return "this is no plain file name" }
        let folded = folded(name)
        if let ending = reservedEndings.first(where: { folded.hasSuffix($0) }) {
            return "names that end in \(ending) are those of the model's own files"
        }
        guard dotfiles || !folded.hasPrefix(".") else { return "its name begins with a point; --dotfiles writes it" }
        return nil
    }

    /// Names that a file system may take for one have one result: case does not count, nor do characters that are not seen, nor
    /// the way in which accents are composed, which Swift's comparison does not tell apart.
    private static func folded(_ name: String) -> String {
        var folded = String.UnicodeScalarView()
        for scalar in name.uppercased().lowercased().unicodeScalars where !scalar.properties.isDefaultIgnorableCodePoint {
            folded.append(scalar)
        }
        return String(folded)
    }
}
