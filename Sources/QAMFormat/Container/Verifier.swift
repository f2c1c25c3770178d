/// What a verification found.
public struct VerifyReport: Sendable {
    /// Every problem with its place; empty where all is well.
    public var problems: [QAMError] = []
    /// Bytes whose checksum or padding was checked.
    public var bytesVerified = 0
}

/// One range of a file to be checked: a chunk against its hash, padding against zero, or what is compressed by reading it.
struct VerifyTask: Sendable {
    enum Expectation: Sendable {
        case hash(UInt64)
        case zeros
        case readable(@Sendable () throws -> Void)
    }

    var range: Range<Int>
    var expectation: Expectation
    var section: String
    /// The tensor or file whose bytes these are.
    var tensor: String?
    var chunk: Int?

    /// Reads the range and compares. Returns what is wrong.
    func run(_ bytes: any ByteSource) -> QAMError? {
        do {
            let content = try bytes.read(range)
            switch expectation {
            case .hash(let hash):
                guard XXH3.hash(content) != hash else { return nil }
                return QAMError(.checksumMismatch, "chunk \(chunk ?? 0) is damaged", at: place(range.lowerBound, range.count))
            case .zeros:
                guard let position = content.firstIndex(where: { $0 != 0 }) else { return nil }
                return QAMError(.malformed, "the padding is not zero", at: place(range.lowerBound + position, 1))
            case .readable(let read):
                try read()
                return nil
            }
        } catch let error as QAMError {
            return error
        } catch {
            return QAMError(.io, "\(error)", at: place(range.lowerBound, range.count))
        }
    }

    private func place(_ offset: Int, _ length: Int) -> QAMError.Place {
        .init(section: section, tensor: tensor, offset: offset, length: length)
    }
}

extension QAMReader {
    /// Checks every byte that opening has not checked: all chunk checksums and all padding; and that what is compressed
    /// can be decompressed. What opening checks
    /// (header, section table, metadata, directory, codebooks, seeds) has been found good already.
    ///
    /// With `tensors`, only the payloads of those are checked, and no padding; with `headerOnly`, no payload at all.
    /// Reads in chunks of 1 MiB on up to `threads` tasks. `monitor` is told the bytes done and to do; what it throws is
    /// rethrown. Throws `notFound` for a tensor that is not there.
    public func verify(
        tensors names: [String]? = nil, headerOnly: Bool = false, threads: Int,
        monitor: (Int, Int) throws -> Void = { _, _ in }
    ) async throws -> VerifyReport {
        var report = VerifyReport()
        report.bytesVerified = sections.reduce(FileHeader.byteCount + sections.count * SectionEntry.byteCount) { sum, entry in
            switch entry.known {
            case .metadata, .directory, .codebooks, .seeds: sum + entry.length
            default: sum
            }
        }
        let tasks: [VerifyTask]
        do {
            tasks = try verifyTasks(tensors: names, headerOnly: headerOnly, verified: &report.bytesVerified)
        } catch let error as QAMError where error.code != .notFound {
            report.problems.append(error.inFile(bytes.name))
            return report
        }
        let total = tasks.reduce(0) { $0 + $1.range.count }
        var done = 0
        let bytes = self.bytes
        try await orderedMap(0..<tasks.count, width: threads) { tasks[$0].run(bytes) } consume: { index, problem in
            if let problem { report.problems.append(problem.inFile(bytes.name)) }
            done += tasks[index].range.count
            try monitor(done, total)
        }
        report.bytesVerified += done
        return report
    }

    /// All checks that are asked for, in file order within each kind.
    private func verifyTasks(tensors names: [String]?, headerOnly: Bool, verified: inout Int) throws -> [VerifyTask] {
        let wanted = try names.map { try wantedTensors($0) }
        let loader = SectionLoader(bytes: bytes, sections: sections)
        let (entry, content) = try loader.required(.checksums, limit: Limits().checksumBytes)
        verified += content.count
        var hashes = ByteReader(content, section: entry.name, base: entry.offset)
        var tasks: [VerifyTask] = []
        var padding: [VerifyTask] = []
        for section in sections {
            guard let name = section.known, name.isChunked else {
                if section.known == nil { tasks.append(.init(range: section.range, expectation: .hash(section.checksum), section: section.name)) }
                continue
            }
            let start = hashes.position
            var end = 0
            for (owner, extent) in directory.extents(in: name) {
                padding.append(.init(range: section.offset + end..<section.offset + extent.offset, expectation: .zeros, section: section.name))
                end = extent.end
                for chunk in 0..<extent.chunkCount {
                    let range = extent.offset + chunk * SectionExtent.chunkSize..<min(extent.offset + (chunk + 1) * SectionExtent.chunkSize, extent.end)
                    let hash: UInt64 = try hashes.integer()
                    if let wanted, !wanted.contains(owner) { continue }
                    tasks.append(
                        .init(range: section.offset + range.lowerBound..<section.offset + range.upperBound, expectation: .hash(hash),
                              section: section.name, tensor: ownerName(owner), chunk: chunk))
                }
            }
            guard XXH3.hash(content[start..<hashes.position]) == section.checksum else {
                throw QAMError(.checksumMismatch, "the section's checksum does not match its chunks' hashes", at: .init(section: section.name, offset: section.offset))
            }
        }
        guard hashes.remaining == 0 else { throw hashes.malformed("\(hashes.remaining) bytes follow the last hash") }
        if headerOnly { return [] }
        return tasks + frames(wanted) + (wanted == nil ? padding + gaps() : []).flatMap(\.pieces)
    }

    /// The zstd frames of tensors and files, each of which must decompress; their bytes are checked as chunks.
    private func frames(_ wanted: Set<Directory.Owner>?) -> [VerifyTask] {
        func tasks(_ owner: Directory.Owner, _ extent: SectionExtent, _ contentLength: Int, read: @escaping @Sendable (Range<Int>) throws -> Void) -> [VerifyTask] {
            guard wanted?.contains(owner) ?? true else { return [] }
            // More frames than the extent's table has room for: reading the first one says so.
            let isPossible = ZstdFrames.pieceCount(contentLength: contentLength) <= extent.length / 4
            return stride(from: 0, to: isPossible ? contentLength : 1, by: ZstdFrames.pieceSize).map { start in
                let piece = start..<min(start + ZstdFrames.pieceSize, contentLength)
                return VerifyTask(range: 0..<0, expectation: .readable { try read(piece) }, section: extent.section.rawValue, tensor: ownerName(owner))
            }
        }
        let compressed = directory.tensors.indices.filter { directory.tensors[$0].compression == .zstdFrames }
        return compressed.flatMap { index in
            let entry = directory.tensors[index]
            return tasks(.tensor(index), entry.extents[0], entry.descriptor.byteCount) { _ = try self.read($0, of: index) }
        } + directory.files.indices.filter { directory.files[$0].compression == .zstdFrames }.flatMap { index in
            let entry = directory.files[index]
            return tasks(.file(index), entry.extent, entry.contentLength) { _ = try self.files[index].read($0) }
        }
    }

    private func wantedTensors(_ names: [String]) throws -> Set<Directory.Owner> {
        Set(try names.map { name in
            guard let tensor = index(of: name) else {
                throw QAMError(.notFound, "there is no such tensor", at: .init(file: bytes.name, tensor: name))
            }
            if case .alias(let target) = tensors[tensor].storage { return .tensor(target) }
            return .tensor(tensor)
        })
    }

    private func ownerName(_ owner: Directory.Owner) -> String {
        switch owner {
        case .tensor(let index): tensors[index].name
        case .file(let index): directory.files[index].name
        }
    }

    /// The padding between sections, called after the section that it follows.
    private func gaps() -> [VerifyTask] {
        var end = FileHeader.byteCount + sections.count * SectionEntry.byteCount
        var name = "section table"
        var gaps: [VerifyTask] = []
        for section in sections {
            gaps.append(.init(range: end..<section.offset, expectation: .zeros, section: name))
            end = section.end
            name = section.name
        }
        return gaps
    }
}

extension VerifyTask {
    /// The task cut into ranges of at most 1 MiB: padding may be long.
    fileprivate var pieces: [VerifyTask] {
        stride(from: range.lowerBound, to: range.upperBound, by: SectionExtent.chunkSize).map { start in
            var piece = self
            piece.range = start..<min(start + SectionExtent.chunkSize, range.upperBound)
            return piece
        }
    }
}
