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
    ///   - streams: its streams.
    ///   - code: encodes the tensor; other callers wait meanwhile.
    func rows(_ rows: Range<Int>, of tensor: Int, count: Int, _ streams: [StreamLayout], code: () throws -> TensorChunk) throws -> TensorChunk {
        try entries.withLock { entries in
            var entry = try entries[tensor] ?? Entry(chunk: code(), rowsLeft: count)
            entry.rowsLeft -= rows.count
            entries[tensor] = entry.rowsLeft > 0 ? entry : nil
            let parts = zip(streams, entry.chunk.streams).map { layout, stream in layout.bytes(of: rows).map { Array(stream[$0]) } ?? [] }
            return TensorChunk(streams: parts, distortion: rows.lowerBound == 0 ? entry.chunk.distortion : Distortion())
        }
    }
}
