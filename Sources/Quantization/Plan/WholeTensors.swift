internal import QAMFormat
internal import Synchronization

/// Tensors that can only be coded as a whole, while their rows are read: each is coded when its first rows are requested and released after the last. One at a
/// time, since coding uses all threads.
final class WholeTensors: Sendable {
    private struct Entry {
        let chunk: TensorChunk
        var rowsLeft: Int
    }

    private let entries = Mutex<[Int: Entry]>([:])

    /// Rows of a tensor's streams. The distortion is returned with the first row.
    ///
    /// - Parameters:
    ///   - count: the number of rows of the tensor.
    ///   - code: encodes the tensor; other callers wait meanwhile.
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
