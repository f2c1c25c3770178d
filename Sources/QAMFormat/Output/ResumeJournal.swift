/// Records which tensors of an output are complete, so that an interrupted run can be resumed, and which partial files belong to it.
///
/// Stored next to the partial files as `NAME.partial.journal`. The holder of its lock writes the output. Its content is not trusted:
/// resuming compares the hashes with the actual bytes. Layout, little-endian: the head (`ResumeJournal.Head`), then for each tensor in
/// order: payload length (u32), payload, XXH3 of the payload (u64). A torn end is dropped.
package final class ResumeJournal {
    /// A complete tensor: for each of its extents in the output the stored length and the hashes of its chunks.
    package struct Record: Hashable, Sendable {
        package struct Extent: Hashable, Sendable {
            package var length: Int
            package var hashes: [UInt64]

            package init(length: Int, hashes: [UInt64]) {
                self.length = length
                self.hashes = hashes
            }
        }

        package var extents: [Extent]
        package var findings: TensorFindings

        package init(extents: [Extent], findings: TensorFindings) {
            self.extents = extents
            self.findings = findings
        }
    }

    package let path: String
    /// The partial files, in the requested order.
    package let files: [OutputFile]
    /// Records of the run being resumed.
    package private(set) var records: [Record] = []
    private let claim: JournalClaim
    /// The end offset of each of `records`.
    private var ends: [Int] = []
    private let headEnd: Int
    private var end: Int

    package static func partialPath(_ output: String) -> String { output + ".partial" }
    package static func path(for output: String) -> String { output + ".partial.journal" }

    /// Starts a journal for `output`, which consists of the files at `paths`, and creates a partial file of the given length for each; or,
    /// if `resuming`, opens the existing ones. They must not become shorter.
    ///
    /// Throws `cannotCreate` if another process writes the output, if the journal has another fingerprint (the input or the options have
    /// changed), or if a name is taken by a file that is not a partial file or journal.
    package init(output: String, paths: [String], lengths: [Int], fingerprint: String, resuming: Bool) throws {
        path = Self.path(for: output)
        let hash = XXH3.hash(Array(fingerprint.utf8))
        claim = try JournalClaim(path, resuming: resuming)
        headEnd = Head.byteCount(files: paths.count)
        end = headEnd
        do {
            if resuming, let head = claim.head, let taken = try claim.takeUp(paths, head, expecting: hash) {
                files = taken
                try readRecords()
            } else {
                files = try claim.start(paths, lengths: lengths, fingerprint: hash)
            }
        } catch {
            claim.close()
            throw error
        }
    }

    /// Whether a file is one of the partial files.
    func owns(_ file: OutputFile) -> Bool { files.contains { $0 === file } }

    /// Keeps only the first `count` records: the others did not verify.
    package func keep(_ count: Int) throws {
        guard count < records.count else { return }
        records.removeSubrange(count...)
        ends.removeSubrange(count...)
        end = ends.last ?? headEnd
        try claim.truncate(to: end)
    }

    package func append(_ record: Record) throws {
        var payload = ByteWriter()
        let distortion = record.findings.distortion
        let sums = [distortion?.error, distortion?.energy, distortion?.divergence].compactMap(\.self)
        payload.count(sums.count)
        for sum in sums { payload.integer(sum.bitPattern) }
        payload.count(record.findings.overflows)
        payload.count(record.extents.count)
        for extent in record.extents {
            payload.count(extent.length)
            payload.count(extent.hashes.count)
            for hash in extent.hashes { payload.integer(hash) }
        }
        var framed = ByteWriter()
        framed.integer(UInt32(payload.bytes.count))
        framed.append(payload.bytes)
        framed.integer(XXH3.hash(payload.bytes))
        try claim.write(framed.bytes, at: end)
        end += framed.bytes.count
    }

    /// Removes the journal after the output is in place. Throws `io` on failure.
    func remove() throws {
        defer { claim.close() }
        do { try claim.remove() } catch let error as QAMError {
            throw QAMError(.io, "the output is in place, but its journal could not be removed: \(error.message)", at: .init(file: path))
        }
    }

    /// Removes the journal, or keeps it for a resumed run.
    package func discard(keepingPartial: Bool) {
        if !keepingPartial { try? claim.remove() }
        claim.close()
    }

    private func readRecords() throws {
        var reader = ByteReader(try claim.contents(), section: "journal")
        _ = try reader.take(headEnd)
        while reader.remaining > 12, let record = try? Self.readRecord(&reader) {
            records.append(record)
            ends.append(reader.position)
        }
        end = ends.last ?? headEnd
        try claim.truncate(to: end)
    }

    private static func readRecord(_ reader: inout ByteReader) throws -> Record {
        let length: UInt32 = try reader.integer()
        let bytes = Array(try reader.take(Int(length)))
        guard try reader.integer(UInt64.self) == XXH3.hash(bytes) else { throw reader.malformed("torn record") }
        var payload = ByteReader(bytes, section: "journal")
        let count = try payload.count()
        guard [0, 2, 3].contains(count) else { throw payload.malformed("\(count) sums are not a distortion") }
        let sums = try (0..<count).map { _ in Double(bitPattern: try payload.integer()) }
        let distortion = sums.isEmpty ? nil : Distortion(error: sums[0], energy: sums[1], divergence: sums.dropFirst(2).first)
        let overflows = try payload.count()
        var extents: [Record.Extent] = []
        for _ in 0..<(try payload.count()) {
            let length = try payload.count()
            let hashCount = try payload.count()
            // Never written: the hashes do not match the length.
            guard hashCount == ChunkHashes.count(of: length), hashCount <= payload.remaining / 8 else {
                throw payload.malformed("\(hashCount) hashes are not those of \(length) bytes")
            }
            var hashes: [UInt64] = []
            hashes.reserveCapacity(hashCount)
            for _ in 0..<hashCount { hashes.append(try payload.integer()) }
            extents.append(.init(length: length, hashes: hashes))
        }
        return Record(extents: extents, findings: TensorFindings(distortion: distortion, overflows: overflows))
    }
}
