internal import QAMFormat

extension GGUFModel {
    /// Reads the payload of the tensors at these indices, or of all, and returns a warning for each tensor with NaNs or infinities among
    /// plain numbers and block scales, which indicate damage or failed conversions: GGUF has no checksums. Also returns the bytes read.
    ///
    /// Processes pieces of a few MiB in up to `threads` tasks. `monitor` receives the bytes done and the total; if it throws, the check
    /// stops. Throws what reading throws.
    package func checkPayload(
        of chosen: [Int]? = nil, threads: Int, monitor: (Int, Int) throws -> Void = { _, _ in }
    ) async throws -> (warnings: [String], byteCount: Int) {
        let tensors = tensors
        var pieces: [(tensor: Int, range: Range<Int>)] = []
        for tensor in chosen ?? Array(tensors.indices) {
            guard case .raw(let dtype) = tensors[tensor].storage else { continue }
            let step = (4 << 20) / dtype.blockBytes * dtype.blockBytes
            let count = tensors[tensor].byteCount
            pieces += stride(from: 0, to: count, by: step).map { (tensor, $0..<min($0 + step, count)) }
        }
        let work = pieces
        let total = work.reduce(0) { $0 + $1.range.count }
        var counts: [Int: Int] = [:]
        var done = 0
        try await orderedMap(0..<work.count, width: threads) { index in
            let (tensor, range) = work[index]
            guard case .raw(let dtype) = tensors[tensor].storage else { return 0 }
            let bytes = try read(range, of: tensor).streams.first ?? []
            return GGMLFiniteness.nonFiniteCount(bytes, of: dtype)
        } consume: { index, count in
            try monitor(done, total)
            if count > 0 { counts[work[index].tensor, default: 0] += count }
            done += work[index].range.count
        }
        let warnings = counts.sorted { $0.key < $1.key }.map { tensor, count in
            "tensor \"\(tensors[tensor].name)\": \(count) NaN or infinite \(count == 1 ? "value or scale" : "values or scales")"
        }
        return (warnings, total)
    }
}
