/// The name of one file of a set: `PREFIX-00001-of-00003.EXTENSION`. The names of the other files are derived from it, never read from a
/// file.
package struct ShardName: Hashable, Sendable, CustomStringConvertible {
    /// The beginning of the names of all files of the set.
    package var prefix: String
    /// From 1.
    package var number: Int
    package var count: Int
    package var fileExtension: String

    package init(prefix: String, number: Int, count: Int, fileExtension: String) {
        self.prefix = prefix
        self.number = number
        self.count = count
        self.fileExtension = fileExtension
    }

    /// Nil if the name is not that of a file of a set of two or more.
    package init?(_ name: String, fileExtension: String) {
        guard name.hasSuffix("." + fileExtension) else { return nil }
        let parts = name.dropLast(fileExtension.count + 1).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[parts.count - 2] == "of", let number = Int(parts[parts.count - 3]), let count = Int(parts[parts.count - 1]),
            count > 1, (1...count).contains(number)
        else { return nil }
        let prefix = parts.dropLast(3).joined(separator: "-")
        self.init(prefix: prefix, number: number, count: count, fileExtension: fileExtension)
        // Numbers written in another way, such as with fewer digits, make another name.
        guard !prefix.isEmpty, description == name else { return nil }
    }

    /// The name of another file of the set.
    package func file(_ number: Int) -> ShardName { ShardName(prefix: prefix, number: number, count: count, fileExtension: fileExtension) }

    /// The paths of the other files of a set of `count`, beside the first file at `path`. `section` is for error messages.
    ///
    /// - Throws: `malformed` if the first file's name is not that of the first of so many, or files are missing, and `io`.
    package static func others(first path: String, count: Int, fileExtension: String, section: String) throws -> [String] {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(file: path, section: section)) }
        guard let name = ShardName(Path.name(of: path), fileExtension: fileExtension), name.number == 1, name.count == count else {
            let ending = ShardName(prefix: "", number: 1, count: count, fileExtension: fileExtension)
            throw fault("this is the first file of a set of \(count), so its name must end in \(ending) for the others to be found")
        }
        let names = (2...count).map { name.file($0).description }
        let paths = names.map { Path.join(Path.folder(of: path), $0) }
        let missing = try zip(names, paths).filter { try FileStatus($1)?.kind != .file }.map(\.0)
        guard missing.isEmpty else {
            throw fault("\(missing.count) of \(count) files of the set are missing: \(Format.list(missing))")
        }
        return paths
    }

    /// Numbers have at least five digits.
    package var description: String {
        let digits = [number, count].map { String(repeating: "0", count: max(0, 5 - String($0).count)) + String($0) }
        return "\(prefix)-\(digits[0])-of-\(digits[1]).\(fileExtension)"
    }
}
