internal import QAMFormat
internal import Synchronization

extension WorkerPool {
    /// The chunks of rows of a tensor, made concurrently in pieces of `grain` rows, as one.
    ///
    /// - Throws: the error of the first piece that failed.
    func chunks(of rows: Range<Int>, grain: Int, _ make: (Range<Int>) throws -> TensorChunk) throws -> TensorChunk {
        let pieces = Mutex<[Int: Result<TensorChunk, any Error>]>([:])
        forEach(rows, grain: grain) { piece in
            let result = Result { try make(piece) }
            pieces.withLock { $0[piece.lowerBound] = result }
        }
        var findings = TensorFindings(), streams: [[UInt8]] = []
        for (_, result) in pieces.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            let chunk = try result.get()
            findings += chunk
            if streams.isEmpty { streams = chunk.streams } else { for index in streams.indices { streams[index] += chunk.streams[index] } }
        }
        return TensorChunk(streams: streams, distortion: findings.distortion, overflows: findings.overflows)
    }
}
