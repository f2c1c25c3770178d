package import QAMFormat

/// The side files of a model that are written beside its weights under their own names.
///
/// Their names are untrusted. None may replace or hide a file written for the model itself: weights, an index, a temporary file, a journal.
/// Nor may two names be equal on a case-insensitive file system. Files that are not written are named in a warning.
package struct SideFilePlaces {
    package private(set) var files: [any EmbeddedFile] = []
    package private(set) var warnings: [String] = []

    /// Suffixes, in lower case, of names that loaders or this program take for parts of a model or for an unfinished output.
    private static let reservedEndings = [".safetensors", ".gguf", ".qamw", ".index.json", ".partial", ".journal"]

    /// `dotfiles`: also files whose names begin with a dot.
    package init(_ files: [any EmbeddedFile], dotfiles: Bool) {
        var taken: Set<String> = [], folders: Set<String> = []
        // A name that is already folded, such as config.json, takes precedence over names that fold to it.
        let plain = Set(files.lazy.map(\.name).filter { Self.folded($0).utf8.elementsEqual($0.utf8) })
        for file in files {
            let folded = Self.folded(file.name), parents = Self.folders(of: folded)
            let isOnly = folded.utf8.elementsEqual(file.name.utf8) || !plain.contains(folded)
            let isFree = isOnly && !folders.contains(folded) && taken.isDisjoint(with: parents)
            if let obstacle = Self.obstacle(file.name, dotfiles: dotfiles)
                ?? (isFree && taken.insert(folded).inserted ? nil : "another file or folder has this name where case does not count")
            {
                warnings.append("the file \"\(file.name)\" is not written beside the model: \(obstacle)")
            } else {
                folders.formUnion(parents)
                self.files.append(file)
            }
        }
    }

    package var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

    /// The reason not to write a file of this name.
    private static func obstacle(_ name: String, dotfiles: Bool) -> String? {
        guard EmbeddedFileName.isValid(name) else { return "this is not a relative file name" }
        // A folder must not take the name of a file of the model either.
        for part in parts(of: folded(name)) {
            if let ending = reservedEndings.first(where: { part.hasSuffix($0) }) {
                return "names that end in \(ending) are those of the model's own files"
            }
            guard dotfiles || !part.hasPrefix(".") else { return "its name begins with a point; --dotfiles writes it" }
        }
        return nil
    }

    /// The folders of a name: `a` and `a/b` of `a/b/c`.
    private static func folders(of name: String) -> [String] {
        let parts = parts(of: name)
        return (1..<max(1, parts.count)).map { parts[..<$0].joined(separator: "/") }
    }

    /// By bytes, since a mark may combine with the slash before it.
    private static func parts(of name: String) -> [String] { name.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) } }

    /// Names that a file system may consider equal have the same folded form: ignores case, invisible characters and Unicode composition
    /// (which Swift's comparison ignores too).
    private static func folded(_ name: String) -> String {
        var folded = String.UnicodeScalarView()
        for scalar in name.uppercased().lowercased().unicodeScalars where !scalar.properties.isDefaultIgnorableCodePoint {
            folded.append(scalar)
        }
        return String(folded)
    }
}
