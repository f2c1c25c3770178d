package import QAMFormat

/// The differences of two models besides their tensors: metadata and side files.
package struct MetadataComparison: Sendable {
    /// A key whose values differ in type or content.
    package struct Change: Sendable {
        package let key: String
        package let reference: MetadataValue
        package let other: MetadataValue
    }

    /// A side file whose bytes differ.
    package struct FileChange: Sendable {
        package let name: String
        package let referenceBytes: Int
        package let otherBytes: Int
        /// The first byte that differs, or where the shorter file ends.
        package let offset: Int
    }

    /// Keys only in the reference, and keys only in the other model.
    package private(set) var missing: [String] = []
    package private(set) var extra: [String] = []
    package private(set) var different: [Change] = []
    package private(set) var missingFiles: [String] = []
    package private(set) var extraFiles: [String] = []
    package private(set) var differentFiles: [FileChange] = []

    /// Files are read in pieces.
    private static let pieceSize = 1 << 20

    /// Values are equal if type and content are; NaNs are equal to themselves. Entries of an unknown type are compared byte by byte. Files are
    /// matched by name and compared byte by byte. Throws what reading a file throws, with its name.
    package init(of reference: any TensorSource, with other: any TensorSource) throws {
        let (first, second) = (reference.metadata, other.metadata)
        for entry in first.entries {
            guard let value = second[entry.key] else {
                missing.append(entry.key)
                continue
            }
            if value.encoded != entry.value.encoded { different.append(Change(key: entry.key, reference: entry.value, other: value)) }
        }
        extra = second.entries.map(\.key).filter { first[$0] == nil }
        compareUnreadable(first, second)
        let files = Dictionary(other.files.map { (ExactName($0.name), $0) }) { first, _ in first }
        for file in reference.files {
            guard let match = files[ExactName(file.name)] else {
                missingFiles.append(file.name)
                continue
            }
            do {
                guard let offset = try Self.difference(file, match) else { continue }
                differentFiles.append(FileChange(name: file.name, referenceBytes: file.byteCount, otherBytes: match.byteCount, offset: offset))
            } catch let error as QAMError {
                throw error.inFile(file.name)
            }
        }
        let names = Set(reference.files.map { ExactName($0.name) })
        extraFiles = other.files.map(\.name).filter { !names.contains(ExactName($0)) }
    }

    package var isEmpty: Bool {
        missing.isEmpty && extra.isEmpty && different.isEmpty && missingFiles.isEmpty && extraFiles.isEmpty && differentFiles.isEmpty
    }

    /// An entry of an unknown type has no value to show: if it differs, it counts as missing from the one and extra in the other.
    private mutating func compareUnreadable(_ first: Metadata, _ second: Metadata) {
        missing += first.unreadable.filter { !second.unreadable.contains($0) }.map(\.key)
        extra += second.unreadable.filter { !first.unreadable.contains($0) }.map(\.key)
    }

    /// The offset of the first difference; nil for equal files.
    private static func difference(_ first: any EmbeddedFile, _ second: any EmbeddedFile) throws -> Int? {
        let common = min(first.byteCount, second.byteCount)
        for start in stride(from: 0, to: common, by: pieceSize) {
            let range = start..<min(start + pieceSize, common)
            let (left, right) = (try first.read(range), try second.read(range))
            if left != right { return start + (zip(left, right).enumerated().first { $1.0 != $1.1 }?.offset ?? 0) }
        }
        return first.byteCount == second.byteCount ? nil : common
    }
}
