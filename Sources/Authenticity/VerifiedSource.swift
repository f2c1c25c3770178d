package import QAMFormat

/// A model of which every byte that is read is proved by a root that the caller trusts: each read hashes the leaves that it touches.
package struct VerifiedSource: WrappingSource, LendingSource {
    package let base: any TensorSource
    private let reader: QAMReader
    private let leaves: ContentLeaves

    /// Throws `unsupported` if the file does not keep leaves, `checksumMismatch` if tensors, metadata or leaves are not those of the root.
    package init(_ reader: QAMReader, root: [UInt8]) throws {
        let leaves = try reader.contentLeaves()
        guard try ContentHashes(leaves, of: reader).root == root else {
            throw QAMError(.checksumMismatch, "its content is not that of the root", at: .init(file: reader.bytes.name, section: SectionName.content.rawValue))
        }
        self.leaves = leaves
        self.reader = reader
        base = reader
    }

    package var fingerprint: String { reader.fingerprint }
    /// Embedded files, verified likewise.
    package var files: [any EmbeddedFile] { reader.files.enumerated().map { VerifiedFile(base: $1, leaves: leaves.files[$0]) } }

    package func origin(of tensor: Int) -> Int? { tensor }

    package func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let lengths = reader.tensors[tensor].streamLengths
        guard !range.isEmpty, lengths.indices.contains(stream), range.upperBound <= lengths[stream] else {
            return try reader.withBytes(range, ofStream: stream, of: tensor, body)
        }
        let whole = range.leaves(of: lengths[stream])
        // What is passed on is what was hashed.
        return try reader.withBytes(whole, ofStream: stream, of: tensor) { bytes in
            try bytes.check(leaves.tensors[tensor][stream], from: whole.lowerBound, named: reader.tensors[tensor].name)
            return try body(bytes.extracting(range.lowerBound - whole.lowerBound..<range.upperBound - whole.lowerBound))
        }
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk { try lent(units, of: tensor) }

    package func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withBytes(units, ofStream: 0, of: tensor, body)
    }

    package func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { try lentWhole(stream: stream, of: tensor) }

    /// Reads a tensor through, of an alias its target, and throws `checksumMismatch` where it is not what the root proves.
    package func verify(_ tensor: Int, monitor: (Int) throws -> Void = { _ in }) throws {
        var target = tensor
        if case .alias(let other) = reader.tensors[tensor].storage { target = other }
        for part in LeafRange.all(of: target, in: reader) {
            guard case .tensor(_, let stream) = part.owner else { continue }
            try withBytes(part.bytes, ofStream: stream, of: target) { _ in }
            try monitor(part.bytes.count)
        }
    }
}

private struct VerifiedFile: EmbeddedFile {
    let base: any EmbeddedFile
    let leaves: [[UInt8]]

    var name: String { base.name }
    var byteCount: Int { base.byteCount }
    var role: EmbeddedFileRole { base.role }

    func read(_ range: Range<Int>) throws -> [UInt8] {
        guard !range.isEmpty, range.upperBound <= byteCount else { return try base.read(range) }
        let whole = range.leaves(of: byteCount), bytes = try base.read(whole)
        try unsafe bytes.span.bytes.check(leaves, from: whole.lowerBound, named: name)
        return Array(bytes[range.lowerBound - whole.lowerBound..<range.upperBound - whole.lowerBound])
    }
}

extension Range<Int> {
    /// The whole leaves that the range touches.
    fileprivate func leaves(of length: Int) -> Range<Int> {
        let size = ContentLeaves.leafSize
        return lowerBound / size * size..<Swift.min((upperBound + size - 1) / size * size, length)
    }
}

extension RawSpan {
    /// Throws unless the leaves that begin at `start` have these digests.
    fileprivate func check(_ digests: [[UInt8]], from start: Int, named name: String) throws {
        for offset in stride(from: 0, to: byteCount, by: ContentLeaves.leafSize) {
            let leaf = extracting(offset..<Swift.min(offset + ContentLeaves.leafSize, byteCount)), number = (start + offset) / ContentLeaves.leafSize
            guard HashTree.digest(.leaf, leaf) == digests[number] else {
                throw QAMError(.checksumMismatch, "part \(number) of its content is not what the root proves", at: .init(tensor: name))
            }
        }
    }
}
