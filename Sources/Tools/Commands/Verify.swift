internal import ArgumentParser
internal import Authenticity
internal import Converters
internal import QAMFormat

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check that files are complete and undamaged.",
        discussion: """
            Of a .qamw file the structure, every checksum and all padding are checked, so that every changed byte is found; of a set, named by \
            its first file, all files, and that they belong together. \
            Of PyTorch's files the structure and the CRC-32 of every entry are checked. \
            Safetensors and GGUF have no checksums: of those the structure is checked, and of an index or a split set that all \
            files are there and hold what it says. GGUF's payload is looked through for NaNs and infinities, which get a warning.

            With --key and --signature the whole content must be what was signed (qamw sign), in whatever container; with --tensor only these tensors, of \
            a .qamw file that keeps the hashes of its content (convert --content).

            Example:
              qamw verify llama.qamw models/llama/model.safetensors.index.json
            """)

    @Argument(help: "The files or folders to check.", completion: .file())
    var files: [String]

    @Flag(help: "Check only the structure, not payloads.")
    var headerOnly = false

    @Option(help: ArgumentHelp("Check only the payload of this tensor; may be repeated.", valueName: "name"))
    var tensor: [String] = []

    @Option(help: ArgumentHelp("The public key of the signature, Ed25519 in PEM.", valueName: "public"), completion: .file(extensions: ["pem"]))
    var key: String?

    @Option(help: ArgumentHelp("The signature of the content.", valueName: "file"), completion: .file())
    var signature: String?

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard (key == nil) == (signature == nil) else { throw ValidationError("--key and --signature go together.") }
        guard key == nil || files.count == 1 else { throw ValidationError("A signature is of one model; name one.") }
        guard key == nil || !headerOnly else { throw ValidationError("A signature is of the payload too; remove --header-only.") }
    }

    func run() async throws {
        var worst: ExitCode?
        for file in files {
            let result = try await verify(file)
            try show(result)
            if let status = result.status { worst = Self.worse(status, worst) }
        }
        if let worst { throw worst }
    }

    private func verify(_ path: String) async throws -> Verification {
        var result = Verification(file: path)
        do {
            let model = try ModelInput(path: path, takingFiles: signature != nil)
            result.take(model)
            try check(model.source)
            if let reader = model.reader {
                let done = try await ProgressBar.during("Verifying", quiet: report.hidesProgress) { bar in
                    try await reader.verify(tensors: tensor.isEmpty ? nil : tensor, headerOnly: headerOnly, threads: threads.count) {
                        try bar.report($0, of: $1, item: path)
                    }
                }
                result.problems = done.problems
                result.warnings += done.warnings
                result.bytesVerified = done.bytesVerified
            }
            if !headerOnly { try await verify(model.pytorch, of: path, &result) }
            if let gguf = model.gguf, !headerOnly {
                let names = Set(tensor.map(ExactName.init))
                let chosen = gguf.tensors.indices.filter { names.isEmpty || names.contains(ExactName(gguf.tensors[$0].name)) }
                let done = try await ProgressBar.during("Verifying", quiet: report.hidesProgress) { bar in
                    try await gguf.checkPayload(of: chosen, threads: threads.count) { try bar.report($0, of: $1, item: path) }
                }
                result.warnings += done.warnings
                result.bytesVerified += done.byteCount
            }
            try await checkSignature(of: model)
        } catch let error as QAMError where error.code != .interrupted {
            result.problems.append(error)
            if result.format == nil { result.format = Self.likelyFormat(path) }
        }
        return result
    }

    /// Throws unless the content, or that of the chosen tensors, is what was signed.
    private func checkSignature(of model: ModelInput) async throws {
        guard let path = signature, let key else { return }
        let signature = try Signature(path: path)
        guard try VerifyingKey(path: key).accepts(signature) else { throw QAMError(.malformed, "the signature is not by this key", at: .init(file: path)) }
        guard tensor.isEmpty else {
            guard let reader = model.reader else {
                throw QAMError(.unsupported, "single tensors are proved in .qamw files only; remove --tensor to check the whole content")
            }
            let source = try VerifiedSource(reader, root: signature.root)
            for name in tensor { if let index = reader.index(of: name) { try source.verify(index) { _ in try Interruption.check() } } }
            return
        }
        let root = try await model.contentHashes(threads: threads.count, quiet: report.hidesProgress).root
        guard root == signature.root else {
            throw QAMError(
                .checksumMismatch,
                "the content is not what was signed: its root is \(Format.hexadecimal(root)), that of the signature \(Format.hexadecimal(signature.root))")
        }
    }

    /// Compares the CRC-32 of the archives' entries: with --tensor, of those that the tensors lie in.
    private func verify(_ files: [PyTorchSource], of path: String, _ result: inout Verification) async throws {
        let names = Set(tensor.map(ExactName.init))
        for file in files {
            guard file.hasChecksums else {
                result.warnings.append("\(Path.name(of: file.inputs[0])): saved without checksums; only its structure is verified")
                continue
            }
            let chosen = file.tensors.indices.filter { names.contains(ExactName(file.tensors[$0].name)) }
            let done = try await ProgressBar.during("Verifying", quiet: report.hidesProgress) { bar in
                try await file.verify(records: names.isEmpty ? nil : file.records(of: chosen), threads: threads.count) {
                    try bar.report($0, of: $1, item: path)
                }
            }
            result.problems += done.problems
            result.bytesVerified += done.byteCount
        }
    }

    /// Requested tensors must exist, in every format.
    private func check(_ source: any TensorSource) throws {
        let names = Set(source.tensors.map { ExactName($0.name) })
        for name in tensor where !names.contains(ExactName(name)) {
            throw QAMError(.notFound, "there is no such tensor", at: .init(tensor: name))
        }
    }

    private func show(_ result: Verification) throws {
        if report.json { return try Console.print(result.json) }
        report.show(warnings: result.warnings.map { "\(result.file): \($0)" })
        for problem in result.problems { Console.complain(Format.diagnostic(problem.inFile(result.file).description)) }
        if result.problems.isEmpty, !report.quiet { try Console.print(result.summary(headerOnly: headerOnly, tensors: tensor)) }
    }

    /// The format of a file that could not be opened.
    private static func likelyFormat(_ path: String) -> String? {
        switch try? FileKind.of(path: ModelInput.modelFile(HubCache.resolved(path))) {
        case .safetensors?, .shardIndex?: ModelFormat.safetensors.rawValue
        case .pytorch?: ModelFormat.pytorch.rawValue
        case .qamw?: ModelFormat.qamw.rawValue
        case .gguf?: ModelFormat.gguf.rawValue
        case .folder?, .foreign?, .unknown?, nil: nil
        }
    }

    /// Damage takes precedence over other errors.
    private static func worse(_ new: ExitCode, _ old: ExitCode?) -> ExitCode {
        guard let old else { return new }
        let order = [ExitStatus.badData, ExitStatus.io, ExitStatus.noInput]
        return (order.firstIndex(of: new) ?? order.count) < (order.firstIndex(of: old) ?? order.count) ? new : old
    }
}
