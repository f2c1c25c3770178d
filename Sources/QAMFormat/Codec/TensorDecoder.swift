/// Decodes the chunks of one coded tensor to weights.
package protocol TensorDecoder: Sendable {
    /// The length of a row.
    var columns: Int { get }

    /// Decodes `rows` consecutive rows into `weights`, row-major, from index `start` on. `gains` holds exactly those rows' gains, `symbols` the bytes of the
    /// groups that they lie in, the first of which has `skipped` rows before them. All symbol bytes are valid.
    ///
    /// - Throws: `QAMError.malformed` for invalid gains, `invalidArgument` if the streams do not hold that many rows or `weights` has no room for them.
    func decode(symbols: RawSpan, gains: RawSpan, rows: Int, after skipped: Int, into weights: inout MutableSpan<Float>, at start: Int) throws
}

extension TensorDecoder {
    /// Decodes rows that begin with a group.
    package func decode(symbols: RawSpan, gains: RawSpan, rows: Int, into weights: inout MutableSpan<Float>, at start: Int) throws {
        try decode(symbols: symbols, gains: gains, rows: rows, after: 0, into: &weights, at: start)
    }

    /// Decodes `rows` consecutive rows, row-major, that begin with a group. The chunk has a stream for each of `Coding.streams`, empty for `whole` streams. Throws as the other method.
    package func decode(_ chunk: TensorChunk, rows: Int) throws -> [Float] {
        guard chunk.streams.count >= 2 else { throw QAMError(.invalidArgument, "symbols or gains are missing") }
        let symbols = chunk.streams[0], gains = chunk.streams[1]
        var weights = [Float](repeating: 0, count: rows * columns)
        var span = weights.mutableSpan
        try unsafe decode(symbols: symbols.span.bytes, gains: gains.span.bytes, rows: rows, into: &span, at: 0)
        return weights
    }
}
