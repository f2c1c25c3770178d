/// What a repair found and did.
package struct RepairReport: Sendable {
    /// The damage that was repaired, or in a dry run would be.
    package var repaired: [QAMError] = []
    /// The damage that nothing at hand repairs. If there is any, nothing was written.
    package var remaining: [QAMError] = []
    /// The length of the sound file.
    package var byteCount = 0
}

/// Restores a damaged .qamw file to the bytes that its checksums state.
package enum FileRepair {
    private static let pieceSize = 4 << 20

    /// Repairs the file at `path`, on its own even if it belongs to a set, and puts the result at `output`, or in its place if that is nil: the whole file is
    /// written under another name, verified and then renamed, so there is the old file or the new one. Without damage, a file in its place is left as it is.
    ///
    /// `monitor` gets the bytes done and the total; an error that it throws ends the work. Throws what cannot be repaired in the file's table of contents,
    /// `cannotCreate` for the output, and errors from reading.
    package static func run(
        _ path: String, to output: String?, from material: RepairMaterial, isDryRun: Bool, threads: Int, monitor: (Int, Int) throws -> Void
    ) async throws -> RepairReport {
        // Others must not edit it meanwhile.
        let edited = output == nil && !isDryRun ? try EditedFile(path: path) : nil
        defer { withExtendedLifetime(edited) {} }
        let original = try FileBytes(path: edited?.path ?? path)
        var head = HeadRepair(original, from: material)
        do { try head.run() } catch let error as QAMError {
            var report = RepairReport(repaired: head.repaired.map { $0.inFile(path) })
            report.remaining = [error.inFile(path)]
            return report
        }
        var report = RepairReport(repaired: head.repaired, byteCount: head.bytes.byteCount)
        var bytes = head.bytes
        if let (content, entry, damage) = try await checksums(bytes, material, threads: threads) {
            bytes.replace(at: entry.offset, with: content)
            report.repaired.append(damage)
        }
        let isChanged = !report.repaired.isEmpty
        let file = try ContainerFile(bytes)
        let (damaged, total) = try await damage(of: file, threads: threads) { try monitor($0, 2 * $1) }
        guard isChanged || !damaged.isEmpty || output != nil else { return report }

        let set = try OutputSet(inputs: material.inputs + (output == nil ? [] : [path]), replacing: output == nil)
        let target = output ?? original.name
        do {
            let temporary = isDryRun ? nil : try set.add(target)
            if let temporary {
                try set.requireSpace(for: bytes.byteCount)
                try copy(bytes, to: temporary) { try monitor(total + $0 / 2, 2 * max(total, bytes.byteCount)) }
            }
            let chunks = try ChunkRepair(file, from: material)
            try await orderedMap(0..<damaged.count, width: threads) {
                try content(for: damaged[$0].task, chunks)
            } consume: { index, content in
                let (task, problem) = damaged[index]
                guard let content else {
                    // The file is sound with any bytes there.
                    if !task.isUnused { report.remaining.append(problem) }
                    return
                }
                report.repaired.append(problem)
                if !content.isEmpty { try temporary?.write(content, at: task.range.lowerBound) }
            }
            guard report.remaining.isEmpty, let temporary else {
                set.discard(keepingPartial: false)
                return report
            }
            // What will be in place is what is verified.
            let written = try QAMReader(alone: ContainerFile(FileBytes(path: temporary.temporaryPath)))
            if let problem = try await written.verify(threads: threads).problems.first { throw problem }
            try set.commit([target])
        } catch {
            set.discard(keepingPartial: false)
            throw error
        }
        return report
    }

    private static func copy(_ bytes: PatchedBytes, to output: OutputFile, monitor: (Int) throws -> Void) throws {
        try output.setLength(bytes.byteCount)
        for start in stride(from: 0, to: bytes.byteCount, by: pieceSize) {
            try output.write(bytes.read(start..<min(start + pieceSize, bytes.byteCount)), at: start)
            try monitor(start)
        }
    }

    /// The parts of the payload and the padding that are damaged, and what an interrupted edit has left, which has no meaning.
    private static func damage(
        of file: ContainerFile, threads: Int, monitor: (Int, Int) throws -> Void
    ) async throws -> (found: [(task: VerifyTask, problem: QAMError)], byteCount: Int) {
        var opened = 0
        let tasks = try file.verifyTasks(wanted: nil, headerOnly: false, verified: &opened).filter { task in
            if case .readable = task.expectation { false } else { true }
        }
        let batches = VerifyTask.batches(tasks), total = tasks.reduce(0) { $0 + $1.range.count }
        var found: [(task: VerifyTask, problem: QAMError)] = [], done = 0
        try await orderedMap(0..<batches.count, width: threads) {
            tasks[batches[$0]].map { $0.run(file.bytes) }
        } consume: { index, problems in
            for (task, problem) in zip(tasks[batches[index]], problems) {
                done += task.range.count
                guard let problem else { continue }
                if problem.code == .io { throw problem }
                found.append((task, problem.inFile(file.bytes.name)))
            }
            try monitor(done, total)
        }
        return (found, total)
    }

    /// The sound bytes of a damaged range; nil if they are not to be had.
    private static func content(for task: VerifyTask, _ chunks: ChunkRepair) throws -> [UInt8]? {
        switch task.expectation {
        case .zeros: return [UInt8](repeating: 0, count: task.range.count)
        case .hash(let hash):
            if let owned = task.extent, let chunk = task.chunk { return try chunks.content(of: owned, chunk: chunk) { XXH3.hash($0) == hash } }
            return try chunks.unknown(task) { XXH3.hash($0) == hash }
        case .readable: return nil
        }
    }

    // MARK: Checksums

    /// The section `checksums` if it is damaged: that of a copy, or the hashes of the chunks, of those that are damaged too as found elsewhere. The section's
    /// own checksum proves it. Throws the damage if it cannot be repaired.
    private static func checksums(
        _ bytes: PatchedBytes, _ material: RepairMaterial, threads: Int
    ) async throws -> (content: [UInt8], entry: SectionEntry, damage: QAMError)? {
        let opened = try Opened(bytes, limits: Limits())
        guard let entry = opened.sections.first(where: { $0.known == .checksums }), entry.length <= Limits().checksumBytes else { return nil }
        let stored = try bytes.read(entry.range)
        guard XXH3.hash(stored) != entry.checksum else { return nil }
        let damage = QAMError(
            .checksumMismatch, "the section is damaged", at: .init(file: bytes.name, section: entry.name, offset: entry.offset, length: entry.length))
        func fits(_ candidate: [UInt8]) -> Bool { candidate.count == entry.length && XXH3.hash(candidate) == entry.checksum }
        for copy in material.files {
            guard let other = copy.sections.first(where: { $0.known == .checksums }), other.length == entry.length else { continue }
            let candidate = try copy.bytes.read(other.range)
            if fits(candidate) { return (candidate, entry, damage) }
        }
        let file = try ContainerFile(bytes)
        var chunks: [(owned: StoredDirectory.OwnedExtent?, chunk: Int, range: Range<Int>)] = []
        for section in opened.sections where section.flags.contains(.chunked) {
            if let name = section.known {
                for owned in file.directory.extents(in: name) {
                    let start = section.offset + owned.extent.offset
                    chunks += (0..<owned.extent.chunkCount).map { chunk in
                        let range = owned.extent.range(ofChunk: chunk)
                        return (owned, chunk, start + range.lowerBound..<start + range.upperBound)
                    }
                }
            } else {
                let extent = SectionExtent(section: .raw, offset: 0, length: section.length)
                chunks += (0..<extent.chunkCount).map { chunk in
                    let range = extent.range(ofChunk: chunk)
                    return (nil, chunk, section.offset + range.lowerBound..<section.offset + range.upperBound)
                }
            }
        }
        guard chunks.count * 8 == entry.length else { throw damage }
        let all = chunks, elsewhere = try ChunkRepair(file, from: material)
        var own = ByteWriter(), found = ByteWriter()
        try await orderedMap(0..<all.count, width: threads) { index in
            let hash = try XXH3.hash(bytes.read(all[index].range))
            let old = stored[8 * index..<8 * index + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard hash != old, let owned = all[index].owned else { return (own: hash, found: hash) }
            let content = try elsewhere.content(of: owned, chunk: all[index].chunk) { _ in true }
            return (own: hash, found: content.map { XXH3.hash($0) } ?? hash)
        } consume: { _, hashes in
            own.integer(hashes.own)
            found.integer(hashes.found)
        }
        guard let content = [own.bytes, found.bytes].first(where: fits) else { throw damage }
        return (content, entry, damage)
    }
}

extension ChunkRepair {
    /// The same range of an unknown section of a copy.
    func unknown(_ task: VerifyTask, accepts: ([UInt8]) -> Bool) throws -> [UInt8]? {
        guard let entry = file.sections.first(where: { $0.name == task.section }), task.range.count <= 1 << 30 else { return nil }
        for copy in material.files {
            guard let other = copy.sections.first(where: { $0.name == entry.name }), other.length == entry.length else { continue }
            let start = other.offset + task.range.lowerBound - entry.offset
            let bytes = try copy.bytes.read(start..<start + task.range.count)
            if accepts(bytes) { return bytes }
        }
        return nil
    }
}
