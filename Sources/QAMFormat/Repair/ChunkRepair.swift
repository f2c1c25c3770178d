import Synchronization

/// Finds the bytes of chunks of the payload in copies, or makes them again.
final class ChunkRepair: Sendable {
    let file: ContainerFile
    let material: RepairMaterial
    private let sources: [any TensorSource]
    /// The indices of tensors and files in each source, by name.
    private let tensors: [[ExactName: Int]]
    /// The source that served last is tried first.
    private let last = Mutex(0)

    /// `file` has its table of contents repaired.
    init(_ file: ContainerFile, from material: RepairMaterial) throws {
        self.file = file
        self.material = material
        sources = try material.sources + material.remaking(QAMReader(alone: file))
        tensors = sources.map { source in
            Dictionary(source.tensors.enumerated().map { (ExactName($1.name), $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// Bytes of a chunk that `accepts` takes; nil if there are none. What a source cannot read is not there.
    func content(of owned: StoredDirectory.OwnedExtent, chunk: Int, accepts: ([UInt8]) -> Bool) throws -> [UInt8]? {
        for copy in material.files {
            if let bytes = try ifReadable({ try stored(owned, chunk, in: copy) }), accepts(bytes) { return bytes }
        }
        if case .file(let index) = owned.owner { return try fileContent(index, owned, chunk, accepts) }
        guard case .tensor(let tensor) = owned.owner else { return nil }
        let first = last.withLock { $0 }
        for number in [first] + sources.indices.filter({ $0 != first }) where sources.indices.contains(number) {
            if let bytes = try ifReadable({ try made(owned, chunk, of: tensor, by: number) }), accepts(bytes) {
                last.withLock { $0 = number }
                return bytes
            }
        }
        return nil
    }

    /// Damage of a copy, and what it cannot give, is no error here; failures of the system and interruptions are.
    private func ifReadable(_ body: () throws -> [UInt8]?) throws -> [UInt8]? {
        do {
            return try body()
        } catch let error as QAMError where ![.io, .interrupted].contains(error.code) {
            return nil
        }
    }

    /// The stored bytes of the same chunk in another file.
    private func stored(_ owned: StoredDirectory.OwnedExtent, _ chunk: Int, in copy: ContainerFile) throws -> [UInt8]? {
        let other: StoredDirectory.OwnedExtent
        switch owned.owner {
        case .file(let index):
            guard let match = copy.directory.files.firstIndex(where: { ExactName($0.name) == ExactName(file.directory.files[index].name) }) else { return nil }
            other = copy.directory.extent(ofFile: match)
        case .tensor(let tensor):
            let number = file.directory.extents(of: tensor).firstIndex { $0.number == owned.number } ?? 0
            guard let match = copy.directory.position(of: file.directory.name(of: tensor)),
                copy.directory.extents(of: match).indices.contains(number)
            else { return nil }
            other = copy.directory.extent(number, of: match)
        }
        guard other.extent.section == owned.extent.section, other.extent.length == owned.extent.length else { return nil }
        return try copy.payload.read(other, owned.extent.range(ofChunk: chunk))
    }

    private func fileContent(
        _ index: Int, _ owned: StoredDirectory.OwnedExtent, _ chunk: Int, _ accepts: ([UInt8]) -> Bool
    ) throws -> [UInt8]? {
        let entry = file.directory.files[index]
        for source in sources {
            guard let match = source.files.first(where: { ExactName($0.name) == ExactName(entry.name) }), match.byteCount == entry.contentLength else {
                continue
            }
            let bytes = try ifReadable {
                let content = try match.read(0..<match.byteCount)
                let stored = entry.compression == .zstdFrames ? try ZstdFrames.compressAll(content) : content
                return stored.count == owned.extent.length ? Array(stored[owned.extent.range(ofChunk: chunk)]) : nil
            }
            if let bytes, accepts(bytes) { return bytes }
        }
        return nil
    }

    /// The chunk as it is stored of a tensor that a source has in the same form.
    private func made(_ owned: StoredDirectory.OwnedExtent, _ chunk: Int, of tensor: Int, by number: Int) throws -> [UInt8]? {
        let descriptor = file.directory.descriptor(tensor), source = sources[number]
        guard let match = tensors[number][ExactName(descriptor.name)].map({ Self.target($0, in: source) }), Self.isAlike(descriptor, source.tensors[match])
        else { return nil }
        let stream = file.directory.extents(of: tensor).firstIndex { $0.number == owned.number } ?? 0
        let range = owned.extent.range(ofChunk: chunk)
        guard file.directory.form(of: tensor).compression == .zstdFrames else { return try source.bytes(range, ofStream: stream, of: match) }
        return try compressed(range, of: owned.extent.length, contentLength: descriptor.byteCount) { try source.bytes($0, ofStream: 0, of: match) }
    }

    /// A range of the zstd frames of content, and of the table after them. The content is compressed anew up to the end of the range, piece by piece.
    private func compressed(_ range: Range<Int>, of length: Int, contentLength: Int, read: (Range<Int>) throws -> [UInt8]) throws -> [UInt8]? {
        var result: [UInt8] = [], table = ByteWriter(), end = 0
        func take(_ bytes: [UInt8]) {
            let part = range.clamped(to: end..<end + bytes.count)
            if !part.isEmpty { result += bytes[part.lowerBound - end..<part.upperBound - end] }
            end += bytes.count
        }
        for start in stride(from: 0, to: contentLength, by: ZstdFrames.pieceSize) {
            let frame = try ZstdFrames.compress(read(start..<min(start + ZstdFrames.pieceSize, contentLength)))
            table.integer(UInt32(frame.count))
            take(frame)
            if end >= range.upperBound { return result }
        }
        take(table.bytes)
        return result.count == range.count && end == length ? result : nil
    }

    private static func target(_ tensor: Int, in source: any TensorSource) -> Int {
        if case .alias(let target) = source.tensors[tensor].storage { target } else { tensor }
    }

    /// Whether the stored bytes of tensors mean the same: where tables are concerned, the hash tells.
    private static func isAlike(_ left: TensorDescriptor, _ right: TensorDescriptor) -> Bool {
        guard left.shape == right.shape else { return false }
        switch (left.storage, right.storage) {
        case (.raw(let left), .raw(let right)): return left == right
        case (.coded(let left), .coded(let right)):
            return left.codec == right.codec && left.parameters == right.parameters && left.streams == right.streams
        default: return false
        }
    }
}
