internal import QAMFormat

/// Writes the files of a planned output, and the journal of completed tensors.
final class PlannedOutput {
    /// Payloads are copied and compared in pieces of about this many bytes.
    private static let pieceSize = 4 << 20

    private let source: any TensorSource
    private let plan: OutputPlan
    private let set: OutputSet
    private var shards: [OutputFile] = []
    private var journal: ResumeJournal?
    private var hasher = ChunkHashes()
    private var completed = 0

    init(source: any TensorSource, plan: OutputPlan, set: OutputSet) {
        self.source = source
        self.plan = plan
        self.set = set
    }

    /// Opens the partial files and writes the headers. Returns the findings of the completed tensors.
    func open(resuming: Bool) throws -> [TensorFindings] {
        let layout = plan.shards.map { String(XXH3.hash($0.header)) }.joined(separator: " ")
        let (shards, journal) = try set.open(
            plan.shards.map(\.path), lengths: plan.shards.map(\.byteCount), main: plan.main, fingerprint: "\(source.fingerprint)\n\(layout)", resuming: resuming
        )
        self.shards = shards
        self.journal = journal
        try set.requireSpace(for: plan.byteCount)
        for (shard, file) in zip(plan.shards, shards) {
            // Gaps between the payloads must be zero, whatever an earlier run wrote.
            if journal.records.isEmpty { try file.setLength(0) }
            try file.setLength(shard.byteCount)
            try file.write(shard.header, at: 0)
        }
        completed = try journal.records.prefix(plan.places.count).enumerated().prefix { try verify($1, of: $0) }.count
        try journal.keep(completed)
        return journal.records.map(\.findings)
    }

    func write(_ bytes: [UInt8], at offset: Int, of tensor: Int) throws {
        let place = plan.places[tensor]
        guard offset + bytes.count <= place.byteCount else {
            throw QAMError(.invalidArgument, "more bytes than the tensor has", at: .init(tensor: source.tensors[tensor].name))
        }
        try shards[place.shard].write(bytes, at: place.offset + offset)
        hasher.update(bytes)
    }

    func endTensor(_ tensor: Int, findings: TensorFindings) throws {
        if case .alias(let target) = source.tensors[tensor].storage { try copy(target, to: tensor) }
        let extent = ResumeJournal.Record.Extent(length: plan.places[tensor].byteCount, hashes: hasher.finish())
        try journal?.append(ResumeJournal.Record(extents: [extent], findings: findings))
        completed += 1
    }

    func finish() throws -> Int {
        guard completed == plan.places.count else {
            throw QAMError(.invalidArgument, "\(completed) of \(plan.places.count) tensors have been written")
        }
        for (path, file) in plan.sideFiles { try set.add(path, copying: file) }
        if let index = plan.index { try set.add(index.path, bytes: index.bytes) }
        try set.commit(plan.paths)
        return plan.byteCount
    }

    func discard(keepingPartial: Bool) {
        set.discard(keepingPartial: keepingPartial)
    }

    private func copy(_ target: Int, to tensor: Int) throws {
        let granule = max(1, source.granule(of: target))
        let step = max(1, Self.pieceSize / granule) * granule
        let byteCount = plan.places[tensor].byteCount
        for start in stride(from: 0, to: byteCount, by: step) {
            let chunk = try source.read(start..<min(start + step, byteCount), of: target)
            try write(chunk.streams.first ?? [], at: start, of: tensor)
        }
    }

    /// Whether the bytes on disk match the journal.
    private func verify(_ record: ResumeJournal.Record, of tensor: Int) throws -> Bool {
        let place = plan.places[tensor]
        guard record.extents.count == 1, record.extents[0].length == place.byteCount else { return false }
        for start in stride(from: 0, to: place.byteCount, by: Self.pieceSize) {
            let end = min(start + Self.pieceSize, place.byteCount)
            hasher.update(try shards[place.shard].read(place.offset + start..<place.offset + end))
        }
        return hasher.finish() == record.extents[0].hashes
    }
}
