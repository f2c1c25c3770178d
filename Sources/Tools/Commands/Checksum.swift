internal import ArgumentParser
internal import QAMFormat

struct Checksum: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print or check hashes of whole files.",
        discussion: """
            The lines are those of sha256sum, and so is what --check reads; the length of a hash tells its algorithm.

            Example:
              qamw checksum *.qamw > SUMS && qamw checksum --check SUMS
            """)

    @Argument(help: "The files to hash.", completion: .file())
    var files: [String] = []

    @Option(help: "xxh3 is fast and detects damage; sha256 also detects forgery.")
    var algorithm: HashAlgorithm?

    @Option(help: ArgumentHelp("Check the files listed in this manifest.", valueName: "manifest"), completion: .file())
    var check: String?

    @Flag(help: "Print no progress and, with --check, nothing for files that match.")
    var quiet = false

    func validate() throws {
        guard (check == nil) != files.isEmpty else { throw ValidationError("Name either files or a manifest with --check.") }
        guard check == nil || algorithm == nil else { throw ValidationError("--check takes the algorithm from the hashes; remove --algorithm.") }
    }

    func run() async throws {
        if let check {
            try await checkManifest(check)
        } else {
            try await printHashes()
        }
    }

    private func printHashes() async throws {
        var failure: ExitCode?
        for file in files {
            do {
                let line = Manifest.line(hash: try await hash(file, algorithm ?? .xxh3), file: file)
                // A manifest has exact names; on a terminal they are escaped.
                try Console.printExactly(Platform.standardOutputIsTerminal ? Format.printable(line) : line)
            } catch let error as QAMError where error.code != .interrupted {
                failure = ExitStatus.report(error)
            }
        }
        if let failure { throw failure }
    }

    private func checkManifest(_ path: String) async throws {
        let manifest = try Manifest(path: path)
        var mismatches = 0
        var unreadable = 0
        for entry in manifest.entries {
            do {
                let isEqual = try await hash(entry.file, entry.algorithm) == entry.hash
                if !isEqual { mismatches += 1 }
                if !isEqual || !quiet { try Console.print("\(Format.printable(entry.file)): \(isEqual ? "OK" : "FAILED")") }
            } catch let error as QAMError where error.code != .interrupted {
                unreadable += 1
                _ = ExitStatus.report(error)
                try Console.print("\(Format.printable(entry.file)): FAILED open or read")
            }
        }
        if manifest.malformedLines > 0 { Console.warn(["\(path): \(Format.count(manifest.malformedLines, "line")) not of the form HASH  FILE"]) }
        if unreadable > 0 { Console.warn(["\(Format.count(unreadable, "listed file")) could not be read"]) }
        if mismatches > 0 { Console.warn(["\(Format.count(mismatches, "computed checksum")) did NOT match"]) }
        if mismatches > 0 { throw ExitStatus.badData }
        if unreadable > 0 { throw ExitStatus.noInput }
    }

    /// The hash of the whole file, read a few MiB at a time.
    private func hash(_ path: String, _ algorithm: HashAlgorithm) async throws -> String {
        let file = try FileStream(path: path)
        return try await ProgressBar.during("Hashing", quiet: quiet) { bar in
            try algorithm.hash(file) { try bar.report($0, of: file.expectedByteCount, item: path) }
        }
    }
}
