/// The record of which tensors of an output are complete, so that an interrupted run can be resumed.
///
/// It lies beside the partial output as `NAME.partial.journal`. Nothing in it is trusted: whoever resumes compares
/// the hashes with the bytes that are there. Layout, little-endian: signature (8 bytes), XXH3 of the fingerprint (8),
/// then for each tensor in order: payload length (u32), payload, XXH3 of the payload (u64). A torn end is dropped.
package final class ResumeJournal {
    /// One complete tensor: for each of its extents in the output the stored length and the hashes of its chunks.
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

    private static let signature: [UInt8] = Array("QAMWJRN2".utf8)

    package let path: String
    /// Records of the run that is resumed.
    package private(set) var records: [Record] = []
    /// The byte at which each of `records` ends.
    private var ends: [Int] = []
    private var end = 16
    private var descriptor: CInt?

    /// Starts a journal for `output`, or takes up the one that is there if `resuming`.
    /// Throws `cannotCreate` where it was written for another fingerprint: the input or the options have changed.
    package init(output: String, fingerprint: String, resuming: Bool) throws {
        path = output + ".partial.journal"
        let hash = XXH3.hash(Array(fingerprint.utf8))
        if resuming, FileStatus(path) != nil { try readRecords(expecting: hash) }
        let descriptor = try SystemCalls.openWriting(path)
        self.descriptor = descriptor
        end = ends.last ?? 16
        do {
            try SystemCalls.truncate(descriptor, to: ends.last ?? 0, path: path)
            guard ends.isEmpty else { return }
            var header = ByteWriter()
            header.append(Self.signature)
            header.integer(hash)
            try write(header.bytes, at: 0)
        } catch {
            close(removing: ends.isEmpty)
            throw error
        }
    }

    deinit {
        if let descriptor { SystemCalls.closeDescriptor(descriptor) }
    }

    /// Forgets all records but the first `count`: those after them did not verify.
    package func keep(_ count: Int) throws {
        guard count < records.count, let descriptor else { return }
        records.removeSubrange(count...)
        ends.removeSubrange(count...)
        end = ends.last ?? 16
        try SystemCalls.truncate(descriptor, to: end, path: path)
    }

    package func append(_ record: Record) throws {
        var payload = ByteWriter()
        let distortion = record.findings.distortion
        payload.integer(UInt64(distortion == nil ? 0 : 1))
        payload.integer((distortion?.error ?? 0).bitPattern)
        payload.integer((distortion?.energy ?? 0).bitPattern)
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
        try write(framed.bytes, at: end)
        end += framed.bytes.count
    }

    /// Ends the journal's life: the output is complete or given up.
    package func close(removing: Bool) {
        guard let descriptor else { return }
        if removing { SystemCalls.remove(path) }
        SystemCalls.closeDescriptor(descriptor)
        self.descriptor = nil
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws {
        guard let descriptor else { return }
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
    }

    private func readRecords(expecting hash: UInt64) throws {
        let file = try FileBytes(path: path)
        var reader = ByteReader(try file.read(0..<file.byteCount), section: "journal")
        guard reader.remaining >= 16, try reader.take(8).elementsEqual(Self.signature) else { return }
        guard try reader.integer(UInt64.self) == hash else {
            throw QAMError(.cannotCreate, "the input or the options have changed since the interrupted run; start over without --resume",
                           at: .init(file: path))
        }
        while reader.remaining > 12, let record = try? Self.readRecord(&reader) {
            records.append(record)
            ends.append(reader.position)
        }
    }

    private static func readRecord(_ reader: inout ByteReader) throws -> Record {
        let length: UInt32 = try reader.integer()
        let bytes = Array(try reader.take(Int(length)))
        guard try reader.integer(UInt64.self) == XXH3.hash(bytes) else { throw reader.malformed("torn record") }
        var payload = ByteReader(bytes, section: "journal")
        let hasDistortion = try payload.integer(UInt64.self) == 1
        let distortion = Distortion(error: Double(bitPattern: try payload.integer()), energy: Double(bitPattern: try payload.integer()))
        let overflows = try payload.count()
        var extents: [Record.Extent] = []
        for _ in 0..<(try payload.count()) {
            let length = try payload.count()
            var hashes: [UInt64] = []
            for _ in 0..<(try payload.count()) { hashes.append(try payload.integer()) }
            extents.append(.init(length: length, hashes: hashes))
        }
        return Record(extents: extents, findings: TensorFindings(distortion: hasDistortion ? distortion : nil, overflows: overflows))
    }
}
