internal import Authenticity
internal import Converters
internal import QAMFormat

extension ModelInput {
    /// The hashes of the model's content, under a progress bar.
    func contentHashes(threads: Int, quiet: Bool) async throws -> ContentHashes {
        try await ProgressBar.during("Hashing", quiet: quiet) { bar in
            try await ContentHashes.hashing(stored, threads: threads) { try bar.report($0, of: $1, item: $2) }
        }
    }
}
