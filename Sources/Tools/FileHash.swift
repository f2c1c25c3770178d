import QAMFormat

/// The hash of a whole file, read a few MiB at a time.
enum FileHash {
    static func hash(_ path: String, _ algorithm: HashAlgorithm, quiet: Bool) async throws -> String {
        let file = try FileStream(path: path)
        return try await ProgressBar.during("Hashing", quiet: quiet) { bar in
            try algorithm.hash(file) { try bar.report($0, of: file.expectedByteCount, item: path) }
        }
    }
}
