/// Writes the bytes of one extent, hashing them by chunk and optionally compressing them.
struct StreamWriter {
    private let offset: Int
    private let compresses: Bool
    private var length = 0
    private var hashes = ChunkHashes()
    /// Content that does not fill a zstd frame yet, and the lengths of the frames written so far.
    private var pending: [UInt8] = []
    private var frames: [UInt32] = []

    /// `offset` is relative to the file.
    init(offset: Int, compresses: Bool) {
        self.offset = offset
        self.compresses = compresses
    }

    mutating func write(_ bytes: [UInt8], to output: OutputFile) throws {
        guard compresses else { return try store(bytes, output) }
        pending += bytes
        while pending.count >= ZstdFrames.pieceSize {
            try storeFrame(Array(pending.prefix(ZstdFrames.pieceSize)), output)
            pending.removeFirst(ZstdFrames.pieceSize)
        }
    }

    /// Completes the extent. Returns its length and hashes.
    mutating func finish(_ output: OutputFile) throws -> ResumeJournal.Record.Extent {
        if compresses {
            if !pending.isEmpty { try storeFrame(pending, output) }
            var table = ByteWriter()
            for frame in frames { table.integer(frame) }
            try store(table.bytes, output)
        }
        return .init(length: length, hashes: hashes.finish())
    }

    /// Whether the output has the bytes that an earlier run's record describes.
    func verifies(_ record: ResumeJournal.Record.Extent, in output: OutputFile) -> Bool {
        guard record.length >= 0, record.hashes.count == SectionExtent.chunkCount(length: record.length) else { return false }
        return record.hashes.enumerated().allSatisfy { chunk, hash in
            let start = chunk * SectionExtent.chunkSize
            let end = min(start + SectionExtent.chunkSize, record.length)
            guard let bytes = try? output.read(offset + start..<offset + end) else { return false }
            return XXH3.hash(bytes) == hash
        }
    }

    private mutating func storeFrame(_ piece: [UInt8], _ output: OutputFile) throws {
        let frame = try ZstdFrames.compress(piece)
        frames.append(UInt32(frame.count))
        try store(frame, output)
    }

    private mutating func store(_ bytes: [UInt8], _ output: OutputFile) throws {
        guard !bytes.isEmpty else { return }
        try output.write(bytes, at: offset + length)
        hashes.update(bytes)
        length += bytes.count
    }
}
