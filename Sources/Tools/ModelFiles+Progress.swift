internal import ArgumentParser
internal import Converters
internal import QAMFormat

extension OutputFormat: ExpressibleByArgument {}

extension ModelInput {
    /// `requireSound` under a progress bar.
    func requireSound(threads: Int, quiet: Bool) async throws {
        guard reader != nil else { return }
        try await ProgressBar.during("Verifying", quiet: quiet) { bar in
            try await requireSound(threads: threads) { try bar.report($0, of: $1, item: path) }
        }
    }
}

extension ModelOutput {
    /// Writes under a progress bar. An interruption says what is left.
    ///
    /// - Parameter progress: gets the share that is done, in bytes of the input, those bytes and the tensor's name.
    func write(
        _ source: any TensorSource, _ layout: Layout, writing: WritingOptions, threads: Int, inputBytes: Int, progress: (Int, Int, String) throws -> Void
    ) async throws -> Written {
        do {
            return try await write(source, layout, replacing: writing.force, resuming: writing.resume, threads: threads) {
                let share = Double($0.doneBytes) / Double(max(1, $0.totalBytes))
                try progress(Int(share * Double(inputBytes)), inputBytes, $0.tensor)
            }
        } catch let error as QAMError where error.code == .interrupted {
            let rest = writing.resume ? "the same command goes on from here" : "nothing is left of the output"
            throw QAMError(.interrupted, "interrupted; \(rest)", at: .init(file: path))
        }
    }
}
