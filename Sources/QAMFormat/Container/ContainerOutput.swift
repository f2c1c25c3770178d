/// The files of a .qamw output that is being written, and the journal of completed tensors.
final class ContainerOutput {
    private let layout: ContainerLayout
    private let paths: ShardPaths
    private let set: OutputSet
    private let journal: ResumeJournal
    private let files: [ContainerAssembly]
    /// Whether the partial files hold bytes of an earlier run.
    private var isResumed = false

    /// Creates the partial files, or opens those of an interrupted run.
    init(source: any TensorSource, layout: ContainerLayout, paths: ShardPaths, set: OutputSet, resuming: Bool) throws {
        self.layout = layout
        self.paths = paths
        self.set = set
        let plans = layout.files.map(\.plan)
        // Compressed tensors may make a file shorter than planned.
        let (outputs, journal) = try set.open(
            paths.paths, lengths: plans.map { $0.options.compressesRaw ? 0 : $0.byteCount }, main: paths.paths[0],
            fingerprint: "\(source.fingerprint) \(plans.map(\.fingerprint).joined(separator: " "))", resuming: resuming)
        self.journal = journal
        files = zip(layout.files, outputs).map { ContainerAssembly(source: $0.source, plan: $0.plan, output: $1) }
    }

    /// Writes the small sections and the embedded files, then takes up what an interrupted run completed.
    func begin() throws -> [TensorFindings] {
        try set.requireSpace(for: layout.files.reduce(0) { $0 + $1.plan.byteCount })
        isResumed = !journal.records.isEmpty
        for file in files { try file.begin(isNew: !isResumed) }
        var done: [TensorFindings] = []
        // In order, up to the first tensor whose bytes do not verify.
        for (tensor, record) in journal.records.enumerated() where tensor < layout.places.count {
            let place = layout.places[tensor]
            guard files[place.file].takeUp(record, of: place.tensor) else { break }
            done.append(record.findings)
        }
        try journal.keep(done.count)
        if isResumed { for file in files { try file.cutRemains() } }
        return done
    }

    func write(_ chunk: TensorChunk, of tensor: Int) throws {
        let place = layout.places[tensor]
        try files[place.file].write(chunk, of: place.tensor)
    }

    func endTensor(_ tensor: Int, findings: TensorFindings) throws {
        let place = layout.places[tensor]
        let extents = try files[place.file].endTensor(place.tensor)
        try journal.append(ResumeJournal.Record(extents: extents, findings: findings))
    }

    /// Returns the bytes of all files.
    func finish() throws -> Int {
        var length = 0
        var identities: [UInt64] = []
        for file in files.dropFirst() {
            let sections = try file.finish(isResumed: isResumed)
            identities.append(sections.identity)
            length += sections.end
        }
        // The first file holds the identities of the others.
        let first = try files[0].finish(shards: files.count > 1 ? layout.index(identities: identities) : nil, isResumed: isResumed)
        try set.commit(paths.inOrderOfAppearance)
        return length + first.end
    }

    func discard(keepingPartial: Bool) {
        set.discard(keepingPartial: keepingPartial)
    }
}
