extension QAMReader {
    /// Whether the file keeps hashes of its content; of a set, each of its files.
    package var hasContentLeaves: Bool { model.files.allSatisfy { $0.sections.contains { $0.known == .content } } }

    /// The hashes of the content that the files keep, in the model's order of tensors. Throws `unsupported` if they keep none, `malformed` and
    /// `checksumMismatch` for damage.
    package func contentLeaves() throws -> ContentLeaves {
        var all = ContentLeaves(tensors: tensors.map { _ in [] }, files: [])
        for (number, file) in model.files.enumerated() {
            do {
                guard let (entry, bytes) = try file.contentSection() else {
                    throw QAMError(.unsupported, "the file keeps no hashes of its content; convert --content adds them")
                }
                let descriptors = (0..<file.directory.count).map(file.directory.descriptor)
                let leaves = try ContentLeaves(bytes, base: entry.offset, tensors: descriptors, files: file.directory.files.map(\.contentLength))
                for (index, digests) in leaves.tensors.enumerated() { all.tensors[model.position(of: index, in: number)] = digests }
                if number == 0 { all.files = leaves.files }
            } catch let error as QAMError { throw error.inFile(file.bytes.name) }
        }
        return all
    }
}
