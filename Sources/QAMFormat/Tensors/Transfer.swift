/// How far a transfer has come.
public struct TransferProgress: Sendable {
    /// The tensor that is being written.
    public var tensor: String
    public var doneBytes: Int
    public var totalBytes: Int
}

/// What a transfer did.
public struct TransferReport: Sendable {
    /// The bytes of the output.
    public var bytes: Int
    /// What coding cost each tensor that was coded, by index.
    public var distortion: [Int: Distortion]
}

/// The one way for data: moves every tensor of a source into a sink, in order, in chunks of a few MiB that up to
/// `threads` tasks produce side by side. The output does not depend on `threads`.
///
/// `monitor` is called before each chunk is written; what it throws ends the transfer. After any error the sink is
/// told to discard its output, and with `keepingPartial` to keep what a resumed run needs.
public func transfer(
    from source: any TensorSource, to sink: any TensorSink, threads: Int, keepingPartial: Bool = false,
    monitor: (TransferProgress) throws -> Void = { _ in }
) async throws -> TransferReport {
    do {
        return try await run(from: source, to: sink, threads: threads, monitor: monitor)
    } catch {
        sink.discard(keepingPartial: keepingPartial)
        throw error
    }
}

/// One piece of work: a range of a tensor's units.
private struct Piece: Sendable {
    var tensor: Int
    var units: Range<Int>
    var isLast: Bool
}

private func run(
    from source: any TensorSource, to sink: any TensorSink, threads: Int, monitor: (TransferProgress) throws -> Void
) async throws -> TransferReport {
    let tensors = source.tensors
    for tensor in tensors { try tensor.requireReadable() }
    var report = TransferReport(bytes: 0, distortion: [:])
    let completed = try sink.begin(source)
    for (tensor, distortion) in completed.enumerated() { report.distortion[tensor] = distortion }

    var progress = TransferProgress(tensor: "", doneBytes: 0, totalBytes: tensors.reduce(0) { $0 + $1.byteCount })
    for tensor in completed.indices { progress.doneBytes += tensors[tensor].byteCount }

    let pieces = Pieces(source: source, tensors: tensors, first: completed.count)
    var distortion: Distortion?
    try await orderedMap(0..<pieces.count, width: max(1, threads)) { index in
        let piece = pieces[index]
        return piece.units.isEmpty ? TensorChunk(streams: []) : try source.read(piece.units, of: piece.tensor)
    } consume: { index, chunk in
        let piece = pieces[index]
        progress.tensor = tensors[piece.tensor].name
        try monitor(progress)
        if !piece.units.isEmpty {
            try sink.write(chunk, units: piece.units, of: piece.tensor)
            progress.doneBytes += chunk.streams.reduce(0) { $0 + $1.count }
        }
        if let more = chunk.distortion {
            var sum = distortion ?? Distortion()
            sum += more
            distortion = sum
        }
        if piece.isLast {
            try sink.endTensor(piece.tensor, distortion: distortion)
            report.distortion[piece.tensor] = distortion
            distortion = nil
        }
    }
    try monitor(progress)
    report.bytes = try sink.finish()
    return report
}

/// All pieces of a transfer, computed on demand: a list of them would grow with the model.
private struct Pieces: Sendable {
    /// About this many bytes of a raw tensor make a piece.
    private static let rawBytes = 1 << 22
    /// About this many weights of a coded one: what they are read from and written to stays in a core's own cache.
    private static let codedWeights = 1 << 18

    private let tensors: [TensorDescriptor]
    private let first: Int
    /// Units of one piece of each tensor.
    private let steps: [Int]
    /// The index of each tensor's first piece, and their number at the end.
    private let starts: [Int]

    init(source: any TensorSource, tensors: [TensorDescriptor], first: Int) {
        self.tensors = tensors
        self.first = first
        var steps: [Int] = []
        var starts = [0]
        for (index, tensor) in tensors.enumerated().dropFirst(first) {
            let step: Int
            if case .coded = tensor.storage {
                step = max(1, Self.codedWeights / max(1, tensor.columns))
            } else {
                let granule = max(1, source.granule(of: index))
                step = max(1, Self.rawBytes / granule) * granule
            }
            steps.append(step)
            starts.append(starts[starts.count - 1] + max(1, (tensor.unitCount + step - 1) / step))
        }
        self.steps = steps
        self.starts = starts
    }

    var count: Int { starts[starts.count - 1] }

    subscript(index: Int) -> Piece {
        // The last start that is not above the index.
        var low = 0
        var high = steps.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= index { low = middle } else { high = middle }
        }
        let unitCount = tensors[first + low].unitCount
        let start = (index - starts[low]) * steps[low]
        let end = min(start + steps[low], unitCount)
        return Piece(tensor: first + low, units: start..<max(start, end), isLast: index + 1 == starts[low + 1])
    }
}
