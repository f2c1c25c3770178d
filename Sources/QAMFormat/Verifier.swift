/// The result of verification.
public struct VerifyReport: Sendable {
    /// Every problem with its location; empty if there are none.
    public var problems: [QAMError] = []
    /// Findings that are not damage: remains of an interrupted in-place edit.
    public var warnings: [String] = []
    /// The number of bytes whose checksum or padding was checked.
    public var bytesVerified = 0

    /// A report without problems.
    public init() {}
}

/// One range of a file to be checked: a chunk against its hash, padding against zero, or compressed data by decompressing it.
struct VerifyTask: Sendable {
    enum Expectation: Sendable {
        case hash(UInt64)
        case zeros
        case readable(@Sendable () throws -> Void)
    }

    var range: Range<Int>
    var expectation: Expectation
    var section: String
    /// The tensor or file that owns the bytes.
    var tensor: String?
    var chunk: Int?
    /// The extent that a chunk is of; nil in sections that are unknown or not chunked.
    var extent: StoredDirectory.OwnedExtent?
    /// The rows of the tensor that the bytes belong to, where the place of rows is known.
    var rows: Range<Int>?
    /// Whether the bytes are unused: problems with them are warnings.
    var isUnused = false

    /// Reads and checks the range. Returns the problem, if any.
    func run(_ bytes: any ByteSource) -> QAMError? {
        do {
            switch expectation {
            case .hash(let hash):
                guard try digest(bytes) != hash else { return nil }
                return QAMError(
                    .checksumMismatch, chunk.map { "chunk \($0) is damaged\(loss)" } ?? "the section is damaged", at: place(range.lowerBound, range.count))
            case .zeros:
                guard let position = try firstNonzero(bytes) else { return nil }
                return QAMError(.malformed, "the padding is not zero", at: place(position, 1))
            case .readable(let read):
                try read()
                return nil
            }
        } catch var error as QAMError {
            error.place.rows = rows
            return error
        } catch {
            return QAMError(.io, "\(error)", at: place(range.lowerBound, range.count))
        }
    }

    /// What is lost with the bytes.
    private var loss: String {
        guard let rows else { return "" }
        return rows.count == 1 ? ": row \(rows.lowerBound) is lost" : ": rows \(rows.lowerBound) to \(rows.upperBound - 1) are lost"
    }

    /// The hash of the range, read in pieces: an unknown section may be long.
    private func digest(_ bytes: any ByteSource) throws -> UInt64 {
        guard range.count > SectionExtent.chunkSize else { return try bytes.withBytes(range) { XXH3.hash($0) } }
        var stream = try XXH3Stream()
        for start in stride(from: range.lowerBound, to: range.upperBound, by: SectionExtent.chunkSize) {
            stream.update(try bytes.read(start..<min(start + SectionExtent.chunkSize, range.upperBound)))
        }
        return stream.digest()
    }

    /// The file offset of the first nonzero byte of the range.
    private func firstNonzero(_ bytes: any ByteSource) throws -> Int? {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: SectionExtent.chunkSize) {
            let position = try bytes.withBytes(start..<min(start + SectionExtent.chunkSize, range.upperBound)) { bytes in
                unsafe bytes.withUnsafeBytes { unsafe $0.firstIndex { $0 != 0 } }
            }
            if let position { return start + position }
        }
        return nil
    }

    private func place(_ offset: Int, _ length: Int) -> QAMError.Place {
        .init(section: section, tensor: tensor, offset: offset, length: length, rows: rows)
    }
}

extension QAMReader {
    /// Checks every byte that opening has not checked, of all files: all chunk checksums and all padding, and that compressed data can be decompressed. Opening
    /// has already validated header, section table, metadata, directory, codebooks and seeds, and that the files of a set belong together.
    ///
    /// With `tensors`, only their payloads are checked, and no padding; with `headerOnly`, no payload at all. Reads in chunks of 1 MiB on up to `threads`
    /// tasks. `monitor` gets the bytes done and their total; an error that it throws is rethrown. Throws `notFound` for a tensor that does not exist.
    public func verify(
        tensors names: [String]? = nil, headerOnly: Bool = false, threads: Int,
        monitor: (Int, Int) throws -> Void = { _, _ in }
    ) async throws -> VerifyReport {
        let wanted = try names.map(wantedTensors)
        var report = VerifyReport()
        var tasks: [[VerifyTask]] = []
        var batches: [(file: Int, tasks: Range<Int>)] = []
        for (number, file) in model.files.enumerated() {
            report.bytesVerified += file.openedByteCount
            do {
                tasks.append(try file.verifyTasks(wanted: wanted?[number], headerOnly: headerOnly, verified: &report.bytesVerified))
            } catch let error as QAMError {
                report.problems.append(error.inFile(file.bytes.name))
                tasks.append([])
            }
            batches += VerifyTask.batches(tasks[number]).map { (number, $0) }
        }
        let total = tasks.joined().reduce(0) { $0 + $1.range.count }
        var done = 0
        let all = tasks, order = batches, files = model.files
        try await orderedMap(0..<order.count, width: threads) {
            let batch = order[$0]
            return all[batch.file][batch.tasks].map { $0.run(files[batch.file].bytes) }
        } consume: { index, problems in
            let batch = order[index]
            for (task, problem) in zip(all[batch.file][batch.tasks], problems) {
                done += task.range.count
                guard let problem else { continue }
                if task.isUnused, problem.code != .io, problem.code != .truncated {
                    let name = model.isSet ? Path.name(of: files[batch.file].bytes.name) + ": " : ""
                    report.warnings.append("\(name)\(problem.place): an edit in place has been interrupted; the file is as it was before it or after it")
                } else {
                    report.problems.append(problem.inFile(files[batch.file].bytes.name))
                }
            }
            try monitor(done, total)
        }
        report.bytesVerified += done
        return report
    }

    /// The tensors with these names, by file.
    private func wantedTensors(_ names: [String]) throws -> [Set<StoredDirectory.Owner>] {
        var wanted = Array(repeating: Set<StoredDirectory.Owner>(), count: model.files.count)
        for name in names {
            guard let tensor = index(of: name) else {
                throw QAMError(.notFound, "there is no such tensor", at: .init(file: bytes.name, tensor: name))
            }
            let (file, local) = model.located(tensor)
            var target = local
            if case .alias(let other) = model.files[file].directory.form(of: local).storage { target = other }
            wanted[file].insert(.tensor(target))
        }
        return wanted
    }
}

extension ContainerFile {
    /// The number of bytes checked by opening.
    fileprivate var openedByteCount: Int {
        sections.reduce(FileHeader.byteCount + sections.count * SectionEntry.byteCount) { sum, entry in
            switch entry.known {
            case .metadata, .directory, .codebooks, .seeds, .producer, .shards: sum + entry.length
            default: sum
            }
        }
    }

    /// All requested checks, in file order within each kind.
    func verifyTasks(wanted: Set<StoredDirectory.Owner>?, headerOnly: Bool, verified: inout Int) throws -> [VerifyTask] {
        let checksums = try ChecksumTable(SectionLoader(bytes: bytes, sections: sections), directory: directory, limit: Limits().checksumBytes)
        verified += checksums.byteCount
        if headerOnly { return [] }
        var tasks: [VerifyTask] = []
        var padding: [VerifyTask] = []
        for section in sections {
            guard let name = section.known, name.isChunked else {
                if section.known == nil, section.flags.contains(.chunked) {
                    tasks += unknownChunks(section, checksums)
                } else if [nil, .spare, .content].contains(section.known) {
                    tasks.append(
                        .init(range: section.range, expectation: .hash(section.checksum), section: section.name, isUnused: section.known == .spare))
                }
                continue
            }
            var end = section.offset
            for owned in directory.extents(in: name) {
                let start = section.offset + owned.extent.offset
                padding.append(.init(range: end..<start, expectation: .zeros, section: section.name))
                end = section.offset + owned.extent.end
                if let wanted, !wanted.contains(owned.owner) { continue }
                for chunk in 0..<owned.extent.chunkCount {
                    let range = owned.extent.range(ofChunk: chunk)
                    tasks.append(
                        .init(
                            range: start + range.lowerBound..<start + range.upperBound,
                            expectation: .hash(checksums.hash(extent: owned.number, chunk: chunk)), section: section.name,
                            tensor: directory.name(of: owned.owner), chunk: chunk, extent: owned, rows: rows(of: owned, chunk: chunk)))
                }
            }
        }
        return tasks + frames(wanted) + (wanted == nil ? padding + gaps() : []).flatMap(\.pieces)
    }

    /// The rows that a chunk of a tensor has bytes of; nil for files and compressed tensors.
    private func rows(of owned: StoredDirectory.OwnedExtent, chunk: Int) -> Range<Int>? {
        guard case .tensor(let tensor) = owned.owner else { return nil }
        let descriptor = directory.descriptor(tensor), bytes = owned.extent.range(ofChunk: chunk)
        switch descriptor.storage {
        case .raw: return directory.form(of: tensor).compression == .none ? rows(of: owned.owner, elements: bytes) : nil
        case .coded(let coding):
            guard let stream = directory.extents(of: tensor).firstIndex(where: { $0.number == owned.number }), coding.streams.indices.contains(stream) else {
                return nil
            }
            guard case .perRows(let count, let groupBytes) = coding.streams[stream].extent, groupBytes > 0 else { return 0..<descriptor.rows }
            let end = min(StreamLayout.groups(bytes.upperBound, of: groupBytes) * count, descriptor.rows)
            return bytes.lowerBound / groupBytes * count..<end
        case .alias, .unreadable: return nil
        }
    }

    /// The rows of a raw tensor that these bytes of its elements belong to.
    private func rows(of owner: StoredDirectory.Owner, elements bytes: Range<Int>) -> Range<Int>? {
        guard case .tensor(let tensor) = owner else { return nil }
        let descriptor = directory.descriptor(tensor)
        guard case .raw(let dtype) = descriptor.storage, let rowBytes = dtype.byteCount(elements: descriptor.columns), rowBytes > 0 else { return nil }
        return bytes.lowerBound / rowBytes..<StreamLayout.groups(bytes.upperBound, of: rowBytes)
    }

    /// The chunks of an unknown section, which is one extent.
    private func unknownChunks(_ section: SectionEntry, _ checksums: ChecksumTable) -> [VerifyTask] {
        (0..<SectionExtent.chunkCount(length: section.length)).compactMap { chunk in
            let start = section.offset + chunk * SectionExtent.chunkSize
            return checksums.hash(section: section.name, chunk: chunk).map { hash in
                VerifyTask(
                    range: start..<min(start + SectionExtent.chunkSize, section.end), expectation: .hash(hash), section: section.name, chunk: chunk)
            }
        }
    }

    /// The zstd frames of tensors and files, each of which must decompress; their bytes are checked as chunks.
    private func frames(_ wanted: Set<StoredDirectory.Owner>?) -> [VerifyTask] {
        func tasks(_ owner: StoredDirectory.Owner, _ extent: SectionExtent, _ contentLength: Int, read: @escaping @Sendable (Range<Int>) throws -> Void)
            -> [VerifyTask]
        {
            guard wanted?.contains(owner) ?? true else { return [] }
            return stride(from: 0, to: contentLength, by: ZstdFrames.pieceSize).map { start in
                let piece = start..<min(start + ZstdFrames.pieceSize, contentLength)
                return VerifyTask(
                    range: 0..<0, expectation: .readable { try read(piece) }, section: extent.section.rawValue, tensor: directory.name(of: owner),
                    rows: rows(of: owner, elements: piece))
            }
        }
        let compressed = (0..<directory.count).filter { directory.form(of: $0).compression == .zstdFrames }
        return compressed.flatMap { index in
            directory.extents(of: index).flatMap { owned in
                tasks(owned.owner, owned.extent, directory.descriptor(index).byteCount) { try self.withBytes($0, ofStream: 0, of: index) { _ in } }
            }
        }
            + directory.files.indices.filter { directory.files[$0].compression == .zstdFrames }.flatMap { index in
                let entry = directory.files[index]
                return tasks(.file(index), entry.extent, entry.contentLength) { _ = try self.files[index].read($0) }
            }
    }

    /// The padding between header, section table and sections, called after what it follows.
    private func gaps() -> [VerifyTask] {
        var end = FileHeader.byteCount
        var name = "header"
        var gaps: [VerifyTask] = []
        for (range, next) in parts {
            if end < range.lowerBound {
                gaps.append(.init(range: end..<range.lowerBound, expectation: .zeros, section: name, isUnused: range.lowerBound <= sections.roomEnd))
            }
            end = range.upperBound
            name = next
        }
        return gaps
    }

    /// Section table and sections in file order.
    private var parts: [(range: Range<Int>, name: String)] {
        var parts = sections.filter { $0.length > 0 }.map { (range: $0.range, name: $0.name) }
        if let table = header.table { parts.insert((table, "section table"), at: parts.firstIndex { $0.range.lowerBound >= table.upperBound } ?? parts.count) }
        return parts
    }
}

extension VerifyTask {
    /// Batches of tasks of a few MiB, or of many small ones: scheduling small tasks individually would cost more than running them.
    static func batches(_ tasks: [VerifyTask]) -> [Range<Int>] {
        var batches: [Range<Int>] = []
        var start = 0
        var bytes = 0
        for index in tasks.indices {
            bytes += tasks[index].range.count
            guard bytes >= 8 * SectionExtent.chunkSize || index - start == 1023 || index == tasks.count - 1 else { continue }
            batches.append(start..<index + 1)
            start = index + 1
            bytes = 0
        }
        return batches
    }

    /// The task split into ranges of 1 MiB, or into a thousand: padding in a sparse file may be longer than a list should be.
    fileprivate var pieces: [VerifyTask] {
        let step = max(SectionExtent.chunkSize, range.count / 1000)
        return stride(from: range.lowerBound, to: range.upperBound, by: step).map { start in
            var piece = self
            piece.range = start..<min(start + step, range.upperBound)
            return piece
        }
    }
}
