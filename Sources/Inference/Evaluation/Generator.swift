package import QAMFormat

/// Continues a text greedily.
package struct Generator {
    private let session: Session

    /// - Parameters:
    ///   - capacity: the maximum number of tokens, including those of the prompt.
    ///   - checkpoint: called before each layer; an error that it throws ends the run.
    /// - Throws: errors from `Session`.
    package init(_ model: Transformer, capacity: Int, pool: WorkerPool, checkpoint: @escaping () throws -> Void = {}) throws {
        session = try Session(model, capacity: capacity, pool: pool, checkpoint: checkpoint)
    }

    /// Reads `tokens`, and calls `body` with each generated token, until there are `count` or `body` returns false.
    ///
    /// - Throws: `QAMError.invalidArgument` for an empty text, tokens outside the vocabulary or beyond the capacity, and errors from
    ///   reading weights.
    package func run(_ tokens: [UInt32], count: Int, _ body: (UInt32) throws -> Bool) throws {
        guard !tokens.isEmpty else { throw QAMError(.invalidArgument, "the prompt is empty") }
        session.restart()
        var text = tokens[...]
        for _ in 0..<max(0, count) {
            let next = try predict(text)
            guard try body(next) else { return }
            text = [next]
        }
    }

    private func predict(_ tokens: ArraySlice<UInt32>) throws -> UInt32 {
        UInt32(try session.logits(session.readToLast(tokens), 0..<1).largestIndex(0))
    }
}

extension FloatMatrix {
    /// The index of the largest element of a vector, the first of equal ones. O(width).
    func largestIndex(_ t: Int) -> Int {
        withVectors(t..<t + 1) { numbers in
            var best = 0
            for index in numbers.indices where numbers[index] > numbers[best] { best = index }
            return best
        }
    }
}
