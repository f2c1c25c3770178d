internal import Authenticity
internal import Converters
internal import QAMFormat

/// Checks what a manifest lists, and prints the result of each line.
struct ManifestCheck {
    private let manifest: Manifest
    /// The model whose tensors are checked, instead of those that the lines name.
    private let model: String?
    private let threads: Int
    private let quiet: Bool

    private var mismatches = 0
    private var unreadable = 0

    init(manifest: Manifest, model: String?, threads: Int, quiet: Bool) {
        self.manifest = manifest
        self.model = model
        self.threads = threads
        self.quiet = quiet
    }

    /// Throws the exit status if something does not match or cannot be read.
    func run(path: String) async throws {
        var check = self
        try await check.checkAll(path)
    }

    private mutating func checkAll(_ path: String) async throws {
        var rest = manifest.entries[...]
        if model != nil, rest.contains(where: { $0.tensor == nil && !$0.isOfContent }) {
            throw QAMError(.invalidArgument, "it lists whole files, which are not checked in a model", at: .init(file: path))
        }
        while let first = rest.first {
            if first.isOfContent {
                let run = rest.prefix { $0.isOfContent && (model != nil || $0.file == first.file) }
                rest = rest.dropFirst(run.count)
                try await checkContent(Array(run), in: model ?? first.file)
                continue
            }
            // Tensors of one model are checked together.
            let run = first.tensor == nil ? rest.prefix(1) : rest.prefix { $0.tensor != nil && !$0.isOfContent && (model != nil || $0.file == first.file) }
            rest = rest.dropFirst(run.count)
            try await first.tensor == nil ? check(first) : check(Array(run), in: model ?? first.file)
        }
        if manifest.malformedLines > 0 { Console.warn(["\(path): \(Format.count(manifest.malformedLines, "line")) not of the form HASH  FILE"]) }
        if unreadable > 0 { Console.warn(["\(Format.count(unreadable, "listed \(isOfTensors ? "tensor" : "file")")) could not be read"]) }
        if mismatches > 0 { Console.warn(["\(Format.count(mismatches, "computed checksum")) did NOT match"]) }
        if mismatches > 0 { throw ExitStatus.badData }
        if unreadable > 0 { throw ExitStatus.noInput }
    }

    private var isOfTensors: Bool { manifest.entries.allSatisfy { $0.tensor != nil } }

    private mutating func check(_ entry: Manifest.Entry) async throws {
        do {
            try take(entry.file, matches: try await FileHash.hash(entry.file, entry.algorithm, quiet: quiet) == entry.hash)
        } catch let error as QAMError where error.code != .interrupted {
            try fail(entry.file, error)
        }
    }

    private mutating func check(_ entries: [Manifest.Entry], in path: String) async throws {
        let source: any TensorSource
        do {
            source = try ModelInput(path: path, takingFiles: false).stored
        } catch let error as QAMError where error.code != .interrupted {
            unreadable += entries.count
            _ = ExitStatus.report(error)
            for entry in entries { try Console.print("\(Format.printable(Self.title(entry))): FAILED open or read") }
            return
        }
        let indices = Dictionary(source.tensors.enumerated().map { (ExactName($1.name), $0) }) { first, _ in first }
        var jobs: [(index: Int, algorithm: HashAlgorithm)] = [], found: [Manifest.Entry] = []
        for entry in entries {
            guard let index = indices[ExactName(entry.tensor ?? "")] else {
                try fail(Self.title(entry), QAMError(.notFound, "there is no such tensor", at: .init(file: path, tensor: entry.tensor)))
                continue
            }
            jobs.append((index, entry.algorithm))
            found.append(entry)
        }
        // Results are collected first, since a closure cannot change this value while it is awaited.
        var results: [Result<String, QAMError>] = []
        let threads = threads
        try await ProgressBar.during("Hashing", quiet: quiet) { bar in
            try await TensorHashes(source: source).hash(jobs, threads: threads) {
                try bar.report($0, of: $1, item: $2)
            } consume: { _, result in
                results.append(result)
            }
        }
        for (entry, result) in zip(found, results) {
            switch result {
            case .success(let hash): try take(Self.title(entry), matches: hash == entry.hash)
            case .failure(let error): try fail(Self.title(entry), error.inFile(path))
            }
        }
        let listed = Set(jobs.map(\.index))
        if listed.count < source.tensors.count {
            Console.warn(["\(path): \(Format.count(source.tensors.count - listed.count, "tensor")) not listed in the manifest"])
        }
    }

    /// Checks the content of a model, and of its tensors in it.
    private mutating func checkContent(_ entries: [Manifest.Entry], in path: String) async throws {
        do {
            let model = try ModelInput(path: path, takingFiles: true)
            let hashes = try await model.contentHashes(threads: threads, quiet: quiet)
            let tensors = Dictionary(zip(model.stored.tensors, hashes.tensors).map { (ExactName($0.name), $1) }) { first, _ in first }
            for entry in entries {
                guard let hash = entry.tensor.map({ tensors[ExactName($0)] }) ?? hashes.root else {
                    try fail(Self.title(entry), QAMError(.notFound, "there is no such tensor", at: .init(file: path, tensor: entry.tensor)))
                    continue
                }
                try take(Self.title(entry), matches: Format.hexadecimal(hash) == entry.hash)
            }
        } catch let error as QAMError where error.code != .interrupted {
            for entry in entries { try fail(Self.title(entry), error.inFile(path)) }
        }
    }

    private static func title(_ entry: Manifest.Entry) -> String { entry.tensor ?? entry.file }

    private mutating func take(_ title: String, matches: Bool) throws {
        if !matches { mismatches += 1 }
        if !matches || !quiet { try Console.print("\(Format.printable(title)): \(matches ? "OK" : "FAILED")") }
    }

    private mutating func fail(_ title: String, _ error: QAMError) throws {
        unreadable += 1
        _ = ExitStatus.report(error)
        try Console.print("\(Format.printable(title)): FAILED open or read")
    }
}
