internal import QAMFormat
internal import Synchronization

/// Tensors that can only be coded as a whole, while their rows are handed out: each is coded when the first rows of it are wanted, and
/// let go after the last. One at a time: all threads share in it.
final class WholeTensors: Sendable {
    private struct Entry {
        let chunk: TensorChunk
        var rowsLeft: Int
    }

    private let entries = Mutex<[Int: Entry]>([:])

    /// Rows of a tensor's streams. What coding it cost comes with its first row.
    ///
    /// - Parameters:
    ///   - count: all rows of the tensor.
    ///   - code: codes them; others who want rows wait meanwhile.
    func rows(_ rows: Range<Int>, of tensor: Int, count: Int, code: () throws -> TensorChunk) throws -> TensorChunk {
        try entries.withLock { entries in
            var entry = try entries[tensor] ?? Entry(chunk: code(), rowsLeft: count)
            entry.rowsLeft -= rows.count
            entries[tensor] = entry.rowsLeft > 0 ? entry : nil
            let streams = entry.chunk.streams.map { stream in
                Array(stream[rows.lowerBound * (stream.count / count)..<rows.upperBound * (stream.count / count)])
            }
            return TensorChunk(streams: streams, distortion: rows.lowerBound == 0 ? entry.chunk.distortion : Distortion())
        }
    }
}
