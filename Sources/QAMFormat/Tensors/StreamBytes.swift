extension TensorSource {
    /// Lends a range of a stream's bytes, whatever units and granules the source reads in. The only stream of a raw tensor is stream 0.
    ///
    /// Reads in steps of a few MiB where a source gives all streams of a coded tensor at once. Throws as `read`.
    package func withStream<Result>(_ stream: Int, _ range: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        guard !range.isEmpty else { return try body(RawSpan()) }
        if let lending = self as? any LendingSource { return try lending.withBytes(range, ofStream: stream, of: tensor, body) }
        guard case .coded(let coding) = tensors[tensor].storage else {
            let granule = max(1, granule(of: tensor))
            let start = range.lowerBound / granule * granule, end = min(StreamLayout.groups(range.upperBound, of: granule) * granule, tensors[tensor].byteCount)
            return try withElements(start..<end, of: tensor) {
                try body($0.extracting(range.lowerBound - start..<range.upperBound - start))
            }
        }
        let bytes = try codedBytes(range, stream, coding, of: tensor)
        return try unsafe body(bytes.span.bytes)
    }

    /// A copy of a range of a stream's bytes (`withStream`).
    package func bytes(_ range: Range<Int>, ofStream stream: Int, of tensor: Int) throws -> [UInt8] {
        try withStream(stream, range, of: tensor) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }

    private func codedBytes(_ range: Range<Int>, _ stream: Int, _ coding: Coding, of tensor: Int) throws -> [UInt8] {
        guard case .perRows(let count, let bytes) = coding.streams[stream].extent, bytes > 0 else {
            return Array(try readWhole(stream: stream, of: tensor)[range])
        }
        let granule = max(coding.groupRows, granule(of: tensor)), rowCount = tensors[tensor].rows
        let first = range.lowerBound / bytes * count / granule * granule
        let last = StreamLayout.groups(range.upperBound, of: bytes) * count, end = min(StreamLayout.groups(last, of: granule) * granule, rowCount)
        let allBytes = coding.streams.reduce(0) { $0 + ($1.bytes(of: 0..<granule)?.count ?? 0) }
        let step = max(1, (4 << 20) / max(1, allBytes)) * granule
        var result: [UInt8] = []
        for start in stride(from: first, to: end, by: step) {
            result += try read(start..<min(start + step, end), of: tensor).streams[stream]
        }
        let skipped = first / count * bytes
        return Array(result[range.lowerBound - skipped..<range.upperBound - skipped])
    }
}
