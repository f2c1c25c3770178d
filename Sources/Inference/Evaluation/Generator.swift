public import QAMFormat

/// Continues a text, each time with the most likely token.
public struct Generator {
    private let session: Session

    /// - Parameters:
    ///   - capacity: tokens that find room, those of the text included.
    ///   - checkpoint: called before each layer; what it throws ends the run.
    /// - Throws: what `Session` throws.
    public init(_ model: Transformer, capacity: Int, pool: WorkerPool, checkpoint: @escaping () throws -> Void = {}) throws {
        session = try Session(model, capacity: capacity, pool: pool, checkpoint: checkpoint)
    }

    /// Reads `tokens`, and calls `body` with each token that follows, until `count` of them have come or `body` returns false.
    ///
    /// - Throws: `QAMError.invalidArgument` for an empty text, tokens outside the vocabulary or more than find room, and what
    ///   reading weights throws.
    public func run(_ tokens: [UInt32], count: Int, _ body: (UInt32) throws -> Bool) throws {
        guard !tokens.isEmpty else { throw QAMError(.invalidArgument, "there is no text to go on from") }
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
    /// The index of the largest number of a vector, of equal ones the first. O(width).
    func largestIndex(_ t: Int) -> Int {
        withVectors(t..<t + 1) { numbers in
            var best = 0
            for index in numbers.indices where numbers[index] > numbers[best] { best = index }
            return best
        }
    }
}
