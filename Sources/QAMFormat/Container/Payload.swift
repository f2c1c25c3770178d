/// The payload of an open file, accessed by extents.
///
/// With a table of checksums every chunk is verified before its bytes are first used, and only once. Thread-safe.
package final class Payload: Sendable {
    private let bytes: any ByteSource
    private let directory: StoredDirectory
    /// The offset of each section, indexed by `SectionName.index`.
    private let starts: [Int]
    private let checks: (table: ChecksumTable, done: AtomicBits)?

    package init(_ bytes: any ByteSource, sections: [SectionEntry], directory: StoredDirectory, checksums: ChecksumTable?) {
        self.bytes = bytes
        self.directory = directory
        // Empty sections may be missing.
        starts = SectionName.allCases.map { name in sections.first { $0.known == name }?.offset ?? 0 }
        checks = checksums.map { ($0, AtomicBits(count: $0.count)) }
    }

    /// Reads a range of an extent's stored bytes.
    ///
    /// Throws `invalidArgument` for a range outside the extent, `checksumMismatch` for damage.
    package func read(_ extent: StoredDirectory.OwnedExtent, _ range: Range<Int>) throws -> [UInt8] {
        try withBytes(extent, range) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }

    /// Reads a range of an extent's decompressed content. Throws as `read`, and `malformed` for invalid zstd frames.
    package func content(_ extent: StoredDirectory.OwnedExtent, _ compression: Compression, contentLength: Int, _ range: Range<Int>) throws -> [UInt8] {
        guard compression == .zstdFrames else { return try read(extent, range) }
        do {
            let reader = try ZstdReader(contentLength: contentLength, storedLength: extent.extent.length) { try self.read(extent, $0) }
            return try reader.content(range)
        } catch var error as QAMError where error.code == .malformed {
            error.place = owner(extent)
            throw error
        }
    }

    /// Passes a range of an extent's stored bytes to `body`. Throws as `read`.
    ///
    /// Unverified chunks are requested from the source together with the range, so that bytes are read only once and `body` gets the very bytes that were
    /// verified.
    package func withBytes<Result>(_ extent: StoredDirectory.OwnedExtent, _ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        let part = extent.extent, start = start(extent)
        guard range.lowerBound >= 0, range.upperBound <= part.length else {
            throw QAMError(.invalidArgument, "bytes \(range) are asked for of a payload of \(part.length)", at: owner(extent))
        }
        guard !range.isEmpty else { return try body(RawSpan()) }
        guard let pending = pending(extent, range) else {
            return try bytes.withBytes(start + range.lowerBound..<start + range.upperBound, body)
        }
        let lower = min(range.lowerBound, part.range(ofChunk: pending.lowerBound).lowerBound)
        let upper = max(range.upperBound, part.range(ofChunk: pending.upperBound).upperBound)
        return try bytes.withBytes(start + lower..<start + upper) { lent in
            for chunk in pending { try check(chunk, extent, lent, from: lower) }
            return try body(lent.extracting(range.lowerBound - lower..<range.upperBound - lower))
        }
    }

    /// Hints that a range of an extent, clamped to its length, will be read soon.
    package func willNeed(_ extent: StoredDirectory.OwnedExtent, _ range: Range<Int>) {
        let range = range.clamped(to: 0..<extent.extent.length), start = start(extent)
        if !range.isEmpty { bytes.willNeed(start + range.lowerBound..<start + range.upperBound) }
    }

    /// The offset of the extent in the file.
    private func start(_ extent: StoredDirectory.OwnedExtent) -> Int { starts[extent.extent.section.index] + extent.extent.offset }

    /// The first to the last chunk of the range that is not verified yet.
    private func pending(_ extent: StoredDirectory.OwnedExtent, _ range: Range<Int>) -> ClosedRange<Int>? {
        guard let checks else { return nil }
        let chunks = range.lowerBound / SectionExtent.chunkSize...(range.upperBound - 1) / SectionExtent.chunkSize
        func isPending(_ chunk: Int) -> Bool { !checks.done.contains(checks.table.index(extent: extent.number, chunk: chunk)) }
        guard let first = chunks.first(where: isPending), let last = chunks.last(where: isPending) else { return nil }
        return first...last
    }

    /// Verifies a chunk, given bytes of its extent that begin at `base`.
    private func check(_ chunk: Int, _ extent: StoredDirectory.OwnedExtent, _ lent: RawSpan, from base: Int) throws {
        guard let checks else { return }
        let range = extent.extent.range(ofChunk: chunk)
        let index = checks.table.index(extent: extent.number, chunk: chunk)
        guard !checks.done.contains(index) else { return }
        guard XXH3.hash(lent.extracting(range.lowerBound - base..<range.upperBound - base)) == checks.table.hash(extent: extent.number, chunk: chunk) else {
            var error = QAMError(.checksumMismatch, "chunk \(chunk) is damaged", at: owner(extent))
            error.place.offset = start(extent) + range.lowerBound
            error.place.length = range.count
            throw error
        }
        checks.done.insert(index)
    }

    private func owner(_ extent: StoredDirectory.OwnedExtent) -> QAMError.Place {
        .init(file: bytes.name, section: extent.extent.section.rawValue, tensor: directory.name(of: extent.owner))
    }
}

extension SectionExtent {
    /// The bytes of a chunk, relative to the extent.
    func range(ofChunk chunk: Int) -> Range<Int> {
        chunk * Self.chunkSize..<min((chunk + 1) * Self.chunkSize, length)
    }
}
