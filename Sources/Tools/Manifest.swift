internal import QAMFormat

/// A list of hashes in the format of sha256sum: `HASH  FILE`. A line whose file name holds a backslash or a line break
/// begins with a backslash, and both are escaped in it.
struct Manifest {
    struct Entry {
        var hash: String
        var file: String
        var algorithm: HashAlgorithm
    }

    /// A manifest lists files; it has no reason to be larger.
    private static let maximumLength = 1 << 30

    private(set) var entries: [Entry] = []
    private(set) var malformedLines = 0

    /// Throws `malformed` where no line is of the format.
    init(path: String) throws {
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
            throw QAMError(.malformed, "no line is of the form HASH  FILE, with an xxh3 of 16 or a sha256 of 64 digits", at: .init(file: path))
        }
    }

    static func line(hash: String, file: String) -> String {
        guard file.unicodeScalars.contains(where: { ["\\", "\n", "\r"].contains($0) }) else { return "\(hash)  \(file)" }
        var escaped = ""
        for scalar in file.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return "\\\(hash)  \(escaped)"
    }

    private static func entry(_ line: Substring) -> Entry? {
        let isEscaped = line.first == "\\"
        let line = isEscaped ? line.dropFirst() : line
        let hash = line.prefix(while: \.isHexDigit)
        let rest = line.dropFirst(hash.count)
        // Two blanks, or a blank and the star of binary mode.
        guard let algorithm = HashAlgorithm(digits: hash.count), rest.hasPrefix("  ") || rest.hasPrefix(" *"), rest.count > 2 else { return nil }
        let name = String(rest.dropFirst(2))
        return Entry(hash: hash.lowercased(), file: isEscaped ? unescaped(name) : name, algorithm: algorithm)
    }

    private static func unescaped(_ text: String) -> String {
        var result = ""
        var isAfterBackslash = false
        for character in text {
            if isAfterBackslash {
                result.append(character == "n" ? "\n" : character == "r" ? "\r" : character)
                isAfterBackslash = false
            } else if character == "\\" {
                isAfterBackslash = true
            } else {
                result.append(character)
            }
        }
        return result
    }
}
