package import QAMFormat

/// Continues texts token by token. What it has read is kept, so that a longer text with the same beginning is read from there on.
package final class Generator {
    private let session: Session
    /// The tokens that the session has read.
    private var read: [UInt32] = []

    /// - Parameters:
    ///   - capacity: the maximum number of tokens, including those of the prompt.
    ///   - checkpoint: called before each layer; an error that it throws ends the run.
    /// - Throws: errors from `Session`.
    package init(_ model: Transformer, capacity: Int, pool: WorkerPool, checkpoint: @escaping () throws -> Void = {}) throws {
        session = try Session(model, capacity: capacity, pool: pool, checkpoint: checkpoint)
    }

    /// The maximum number of tokens.
    package var capacity: Int { session.capacity }

    /// Reads `tokens`, and calls `body` with each generated token, until there are `count` or `body` returns false.
    ///
    /// - Parameters:
    ///   - sampler: chooses the tokens.
    ///   - progress: called with the number of tokens of the prompt that are read, and with how many there are to read.
    /// - Throws: `QAMError.invalidArgument` for an empty text, tokens outside the vocabulary or beyond the capacity, errors from
    ///   reading weights, and what the functions throw. After an error the next run reads on from what had been read.
    package func run(
        _ tokens: [UInt32], count: Int, sampler: inout Sampler, progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in },
        _ body: (UInt32) throws -> Bool
    ) throws {
        guard !tokens.isEmpty else { throw QAMError(.invalidArgument, "the prompt is empty") }
        // The last token is read again at least: its successor is wanted.
        let shared = zip(read, tokens.dropLast()).prefix { $0 == $1 }.count
        session.rewind(to: shared)
        read.removeLast(read.count - shared)
        var text = tokens[shared...]
        for number in 0..<max(0, count) {
            let next: UInt32
            do {
                // What was read before an error stays read.
                defer { read += text.prefix(session.position - read.count) }
                let vector = try session.readToLast(text) { if number == 0 { try progress($0, text.count) } }
                next = sampler.next(try session.logits(vector, 0..<1))
            }
            guard try body(next) else { return }
            text = [next]
        }
    }
}
