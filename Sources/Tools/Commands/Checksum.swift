internal import ArgumentParser
internal import Authenticity
internal import Converters
internal import QAMFormat

struct Checksum: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print or check hashes of whole files, or of a model's tensors.",
        discussion: """
            The lines are those of sha256sum, and so is what --check reads; the length of a hash tells its algorithm.

            --tensors prints a line for each tensor instead: HASH #TENSOR, a tab, and the model. The hash is of type, shape and elements: it is \
            the same in safetensors, GGUF and .qamw, and in any shards. --check checks such lines too, in the model that is \
            named after the manifest, if one is, and otherwise in the one that the line names.

            --content prints the root of a hash tree (SHA-256) over all tensors, embedded files and metadata of each model, as HASH @, and the model: the same \
            in any container, shards and layout. With --tensors, the roots of the tensors in the tree follow. It is what sign signs.

            Example:
              qamw checksum *.qamw > SUMS && qamw checksum --check SUMS
              qamw checksum --tensors models/llama > SUMS && qamw checksum --check SUMS llama-copy.qamw
            """)

    @Argument(help: "The files to hash; with --check, a model to look for the tensors in.", completion: .file())
    var files: [String] = []

    @Option(help: "xxh3 is fast and detects damage; sha256 also detects forgery.")
    var algorithm: HashAlgorithm?

    @Flag(help: "Print a hash for each tensor of the models.")
    var tensors = false

    @Flag(help: "Print the root of the content of each model.")
    var content = false

    @Option(help: ArgumentHelp("Check the files and tensors listed in this manifest.", valueName: "manifest"), completion: .file())
    var check: String?

    @Flag(help: "Print no progress and, with --check, nothing for what matches.")
    var quiet = false

    @OptionGroup var threads: ThreadOptions

    func validate() throws {
        guard !content || algorithm != .xxh3 else { throw ValidationError("The content is hashed by sha256.") }
        guard check != nil else {
            guard !files.isEmpty else { throw ValidationError("Name either files or a manifest with --check.") }
            return
        }
        guard files.count <= 1 else { throw ValidationError("--check takes the files from the manifest, or one model in their place.") }
        guard algorithm == nil else { throw ValidationError("--check takes the algorithm from the hashes; remove --algorithm.") }
        guard !content else { throw ValidationError("--check tells contents by their lines; remove --content.") }
        guard !tensors else { throw ValidationError("--check tells tensors by their lines; remove --tensors.") }
    }

    func run() async throws {
        if let check {
            try await ManifestCheck(manifest: Manifest(path: check), model: files.first, threads: threads.count, quiet: quiet).run(path: check)
        } else {
            try await printHashes()
        }
    }

    private func printHashes() async throws {
        var failure: ExitCode?
        for file in files {
            do {
                if content {
                    try await printContent(file)
                } else if tensors {
                    failure = try await printTensorHashes(file) ?? failure
                } else {
                    try Self.print(Manifest.line(hash: try await FileHash.hash(file, algorithm ?? .xxh3, quiet: quiet), file: file))
                }
            } catch let error as QAMError where error.code != .interrupted {
                failure = ExitStatus.report(error)
            }
        }
        if let failure { throw failure }
    }

    /// The line of a model's content, and with `tensors` a line for each tensor.
    private func printContent(_ file: String) async throws {
        let model = try ModelInput(path: file, takingFiles: true)
        let hashes = try await model.contentHashes(threads: threads.count, quiet: quiet)
        try Self.print(Manifest.line(hash: Format.hexadecimal(hashes.root), content: file))
        guard tensors else { return }
        for (tensor, hash) in zip(model.stored.tensors, hashes.tensors) {
            try Self.print(Manifest.line(hash: Format.hexadecimal(hash), tensor: tensor.name, file: file, mark: Manifest.contentMark))
        }
    }

    /// A line for each tensor; the status of the last one that cannot be read.
    private func printTensorHashes(_ file: String) async throws -> ExitCode? {
        let source = try ModelInput(path: file, takingFiles: false).stored
        var failure: ExitCode?
        try await ProgressBar.during("Hashing", quiet: quiet) { bar in
            let all = source.tensors.indices.map { (index: $0, algorithm: algorithm ?? .xxh3) }
            try await TensorHashes(source: source).hash(all, threads: threads.count) {
                try bar.report($0, of: $1, item: $2)
            } consume: { position, result in
                switch result {
                case .success(let hash): try Self.print(Manifest.line(hash: hash, tensor: source.tensors[position].name, file: file))
                case .failure(let error): failure = ExitStatus.report(error.inFile(file))
                }
            }
        }
        return failure
    }

    /// A manifest has exact names; on a terminal they are escaped.
    private static func print(_ line: String) throws {
        try Console.printExactly(Platform.standardOutputIsTerminal ? Format.printable(line) : line)
    }
}
