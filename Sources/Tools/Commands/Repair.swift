internal import Architectures
internal import ArgumentParser
internal import Converters
internal import QAMFormat
internal import Quantization

struct Repair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a damaged .qamw file from a copy, or from the checkpoint that it was made of.",
        discussion: """
            The result has the bytes that the file's checksums state, or there is none. Only what is damaged is taken from the copy, which may be a .qamw \
            file in other shards, or packed in safetensors or GGUF, and damaged itself. From the checkpoint the damaged rows are coded again, \
            as the file records it; that is not possible for what was coded with a calibration. Without -o the file is replaced, \
            at once. Of a set, the file that is named is repaired.

            Examples:
              qamw repair llama.qamw --from backup/llama.qamw
              qamw repair llama.qamw --from models/llama -o repaired.qamw
            """)

    @Argument(help: "The damaged .qamw file.", completion: .file(extensions: ["qamw"]))
    var damaged: String

    @Option(help: ArgumentHelp("Another copy, or the checkpoint that the file was made of.", valueName: "copy"), completion: .file())
    var from: String

    @Option(name: [.customShort("o"), .customLong("output")], help: "The file to write. (default: the damaged file, replaced)", completion: .file())
    var output: String?

    @Flag(help: "Report what can be repaired; change nothing.")
    var dryRun = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func run() async throws {
        let copy = try ModelInput(path: from, takingFiles: true)
        var material = try material(of: copy)
        var result = try await repair(from: material)
        if !result.remaining.isEmpty, let file = try await rewritten(copy) {
            material.files.append(file)
            result = try await repair(from: material)
        }
        try show(result, copy)
        if let problem = result.remaining.first { throw ExitStatus.of(problem) }
    }

    private func repair(from material: RepairMaterial) async throws -> RepairReport {
        try await ProgressBar.during("Repairing", quiet: report.hidesProgress) { bar in
            try await FileRepair.run(damaged, to: output, from: material, isDryRun: dryRun, threads: threads.count) {
                try bar.report($0, of: $1, item: damaged)
            }
        }
    }

    private func material(of copy: ModelInput) throws -> RepairMaterial {
        let weights = try plainWeights(of: copy)
        return try RepairMaterial(
            files: copy.reader?.model.files ?? [], sources: [copy.stored], inputs: copy.source.inputs + copy.configurations,
            contents: { weights == nil ? [] : try QuantizingSource.usualContents(of: $0, damaged: $1) },
            remaking: { file in try weights.map { try QuantizingSource.recoding($0, as: file) } ?? [] })
    }

    /// The weights to be coded again; nil of a copy that is coded, and where no weights can be had.
    private func plainWeights(of copy: ModelInput) throws -> (any TensorSource)? {
        guard !copy.stored.tensors.contains(where: { if case .coded = $0.storage { true } else { false } }) else { return nil }
        do { return try copy.weights().source } catch let error as QAMError where error.code == .unsupported { return nil }
    }

    /// The copy written as one .qamw file, which may have the bytes of the damaged one: its table of contents is needed. Nil if the lengths tell that it has not.
    private func rewritten(_ copy: ModelInput) async throws -> ContainerFile? {
        let isStored = copy.reader != nil || copy.unpacked != nil
        let source = isStored ? copy.stored : try AliasingSource(wrapping: copy.stored), options = try copy.containerOptions
        guard let status = try FileStatus(damaged) else { return nil }
        let planned = try QAMWriter.plannedByteCount(of: source, options: options)
        guard options.compressesRaw || planned == status.byteCount else { return nil }
        // A damaged copy would be written with checksums of its damage.
        do { try await copy.requireSound(threads: threads.count, quiet: report.hidesProgress) } catch let error as QAMError where error.code != .interrupted {
            return nil
        }
        let path = TemporaryFiles.uniqueName(beside: output ?? damaged, kind: "rewritten")
        let writer = QAMWriter(path: path, options: options)
        _ = try await ProgressBar.during("Rewriting", quiet: report.hidesProgress) { bar in
            try await transfer(from: source, to: writer, threads: threads.count) { try bar.report($0.doneBytes, of: $0.totalBytes, item: $0.tensor) }
        }
        // It stays open, under no name.
        defer { try? SystemCalls.remove(path) }
        return try ContainerFile(FileBytes(path: path))
    }

    private func show(_ result: RepairReport, _ copy: ModelInput) throws {
        let isSound = result.repaired.isEmpty && result.remaining.isEmpty
        if report.json {
            return try Console.print([
                "file": .string(damaged), "output": dryRun || !result.remaining.isEmpty ? .null : .string(output ?? damaged),
                "ok": .bool(result.remaining.isEmpty), "repaired": .array(result.repaired.map { Verification.json($0, in: damaged) }),
                "remaining": .array(result.remaining.map { Verification.json($0, in: damaged) }),
            ])
        }
        for problem in result.remaining {
            var told = problem.inFile(damaged)
            told.message += ", and \(Format.printable(from)) \(Self.lack(problem, copy))"
            Console.complain(Format.diagnostic(told.description))
        }
        guard result.remaining.isEmpty, !report.quiet else { return }
        for problem in result.repaired { try Console.print("\(dryRun ? "can be repaired" : "repaired"): \(problem.place): \(problem.message)") }
        let file = Format.printable(damaged)
        try Console.print(
            isSound ? "\(file): not damaged" : "\(file): \(Format.count(result.repaired.count, "part")) \(dryRun ? "can be repaired" : "repaired")")
    }

    /// Why a copy does not help.
    private static func lack(_ problem: QAMError, _ copy: ModelInput) -> String {
        let isCoded = problem.place.tensor != nil && [SectionName.symbols, .scales].map(\.rawValue).contains(problem.place.section)
        guard isCoded, copy.reader == nil, copy.unpacked == nil else { return "does not have these bytes; give another copy of the file" }
        return """
            does not give these bytes when it is coded again: the file was coded with a calibration, an adapter or by another version; \
            give a copy of the .qamw file
            """
    }
}
