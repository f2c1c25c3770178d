internal import Converters
internal import QAMFormat

/// A list of hashes in the format of sha256sum: `HASH  FILE`. A line whose file name holds a backslash or a line break
/// begins with a backslash, and both are escaped in it.
///
/// A tensor's line is `HASH #TENSOR`, a tab, and the file. A tab in its names is escaped too. The line of a model's content is `HASH @`, a tab and the file,
/// that of a tensor in the tree over the content `HASH @TENSOR`, a tab and the file.
struct Manifest {
    struct Entry {
        var hash: String
        var file: String
        /// The tensor of the file, if the hash is of one.
        var tensor: String?
        /// Whether the hash is of the tree over the content; of the model, if no tensor is named.
        var isOfContent = false
        var algorithm: HashAlgorithm
    }

    /// A manifest lists files and tensors; it has no reason to be larger.
    private static let maximumLength = 1 << 30

    private(set) var entries: [Entry] = []
    private(set) var malformedLines = 0

    /// Throws `malformed` where no line is of the format.
    init(path: String) throws {
        if let title = FileContent.title(of: path), title != "a text file" {
            throw QAMError(.malformed, "this is \(title), not a manifest of hashes", at: .init(file: path))
        }
        let file = try FileBytes(path: path)
        guard file.byteCount <= Self.maximumLength else {
            throw QAMError(.limitExceeded, "\(file.byteCount) bytes are too many for a manifest", at: .init(file: path))
        }
        let text = String(decoding: try file.read(0..<file.byteCount), as: UTF8.self)
        // Lines end with a line feed alone, as sha256sum has it: a name may hold what else breaks lines.
        for part in text.unicodeScalars.split(separator: "\n") {
            let line = Substring(part.last == "\r" ? part.dropLast() : part)
            if line.isEmpty { continue }
            if let entry = Self.entry(line) { entries.append(entry) } else { malformedLines += 1 }
        }
        guard !entries.isEmpty else {
            throw QAMError(
                .malformed, "no line is of the form HASH  FILE or HASH #TENSOR, a tab and FILE, with an xxh3 of 16 or a sha256 of 64 digits",
                at: .init(file: path))
        }
    }

    static func line(hash: String, file: String) -> String {
        let escaped = escaped(file, tab: false)
        return escaped == file ? "\(hash)  \(file)" : "\\\(hash)  \(escaped)"
    }

    /// What marks hashes of the tree over the content.
    static let contentMark = "@"

    static func line(hash: String, content file: String) -> String { line(hash: hash, tensor: "", file: file, mark: contentMark) }

    static func line(hash: String, tensor: String, file: String, mark: String = "#") -> String {
        let names = [tensor, file], escaped = names.map { Self.escaped($0, tab: true) }
        return "\(escaped == names ? "" : "\\")\(hash) \(mark)\(escaped.joined(separator: "\t"))"
    }

    private static func escaped(_ text: String, tab: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            case "\t" where tab: escaped += "\\t"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func entry(_ line: Substring) -> Entry? {
        let isEscaped = line.first == "\\"
        let line = isEscaped ? line.dropFirst() : line
        let hash = line.prefix(while: \.isHexDigit)
        let rest = line.dropFirst(hash.count)
        // By scalars, since a mark may combine with the blank before it.
        let scalars = rest.unicodeScalars
        guard let algorithm = HashAlgorithm(digits: hash.count), scalars.count > 2, scalars.first == " ", let mode = scalars.dropFirst().first else {
            return nil
        }
        let names = String(String.UnicodeScalarView(scalars.dropFirst(2))).unicodeScalars
        func name(_ scalars: some Collection<Unicode.Scalar>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            return isEscaped ? unescaped(String(view)) : String(view)
        }
        switch mode {
        // Two blanks, or a blank and the star of binary mode.
        case " ", "*": return Entry(hash: hash.lowercased(), file: name(names), algorithm: algorithm)
        case "#", "@":
            guard mode == "#" || algorithm == .sha256, let tab = names.firstIndex(of: "\t"), names.index(after: tab) < names.endIndex else { return nil }
            let isOfModel = mode == "@" && tab == names.startIndex
            return Entry(
                hash: hash.lowercased(), file: name(names[names.index(after: tab)...]), tensor: isOfModel ? nil : name(names[..<tab]),
                isOfContent: mode == "@", algorithm: algorithm)
        default: return nil
        }
    }

    private static func unescaped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var isAfterBackslash = false
        let breaks: [Unicode.Scalar: Unicode.Scalar] = ["n": "\n", "r": "\r", "t": "\t"]
        for scalar in text.unicodeScalars {
            if isAfterBackslash {
                result.append(breaks[scalar] ?? scalar)
                isAfterBackslash = false
            } else if scalar == "\\" {
                isAfterBackslash = true
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }
}
