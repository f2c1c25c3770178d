/// The progress of a transfer.
public struct TransferProgress: Sendable {
    /// The tensor being written.
    public var tensor: String
    /// The bytes written so far.
    public var doneBytes: Int
    /// The bytes of the whole output.
    public var totalBytes: Int
}

/// The result of a transfer.
public struct TransferReport: Sendable {
    /// The size of the output in bytes.
    public var bytes: Int
    /// The distortion of each tensor that was coded, by index.
    public var distortion: [Int: Distortion] = [:]
    /// The number of finite values that overflowed to infinity, by index of the affected tensors.
    public var overflows: [Int: Int] = [:]

    fileprivate mutating func take(_ findings: TensorFindings, of tensor: Int) {
        distortion[tensor] = findings.distortion
        overflows[tensor] = findings.overflows > 0 ? findings.overflows : nil
    }

    /// The distortion of all tensors together; nil if none was coded, or all coded tensors are zero.
    public var totalDistortion: Distortion? {
        var total = Distortion()
        for tensor in distortion.keys.sorted() { distortion[tensor].map { total += $0 } }
        return total.energy > 0 ? total : nil
    }

    /// The expected divergence of all coded tensors together, if it is known for each of them.
    public var knownDivergence: Double? {
        guard !distortion.isEmpty, distortion.values.allSatisfy({ $0.divergence != nil }) else { return nil }
        return totalDistortion?.divergence
    }

    /// A sentence per tensor with overflowed values, in order.
    public func warnings(_ tensors: [TensorDescriptor]) -> [String] {
        overflows.sorted { $0.key < $1.key }.map { tensor, count in
            "tensor \"\(tensors[tensor].name)\": \(count) finite value\(count == 1 ? "" : "s") became infinite"
        }
    }
}

/// Moves every tensor of a source to a sink, in order, in chunks of a few MiB that up to `threads` tasks produce in parallel. The output
/// does not depend on `threads`.
///
/// `monitor` is called before each chunk is written; an error that it throws ends the transfer. After any error the sink discards its
/// output, or with `keepingPartial` keeps what a resumed run needs.
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

/// A piece of work: a range of a tensor's units.
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
    var report = TransferReport(bytes: 0)
    let completed = try sink.begin(source)
    for (tensor, findings) in completed.enumerated() { report.take(findings, of: tensor) }

    var progress = TransferProgress(tensor: "", doneBytes: 0, totalBytes: tensors.reduce(0) { $0 + $1.byteCount })
    for tensor in completed.indices { progress.doneBytes += tensors[tensor].byteCount }

    let pieces = Pieces(source: source, tensors: tensors, first: completed.count)
    var findings = TensorFindings()
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
        findings += chunk
        if piece.isLast {
            try sink.endTensor(piece.tensor, findings: findings)
            report.take(findings, of: piece.tensor)
            findings = TensorFindings()
        }
    }
    try monitor(progress)
    report.bytes = try sink.finish()
    return report
}

/// All pieces of a transfer, computed on demand: a list of them would grow with the model.
private struct Pieces: Sendable {
    /// The target size of a raw tensor's piece, in bytes.
    private static let rawBytes = 1 << 22
    /// The target size of a coded tensor's piece, in weights: its input and output fit in a core's cache.
    private static let codedWeights = 1 << 18

    /// The minimum stored bytes per piece, for rows with few bytes: an unknown codec may have any number of rows.
    private static let codedBytes = 1 << 12

    private let tensors: [TensorDescriptor]
    private let first: Int
    /// Units per piece of each tensor.
    private let steps: [Int]
    private let numbering: PieceNumbering

    init(source: any TensorSource, tensors: [TensorDescriptor], first: Int) {
        self.tensors = tensors
        self.first = first
        var steps: [Int] = []
        var numbering = PieceNumbering()
        for (index, tensor) in tensors.enumerated().dropFirst(first) {
            let step: Int, granule = max(1, source.granule(of: index))
            if case .coded(let coding) = tensor.storage {
                step = alignUp(Self.rows(of: tensor, coding), to: granule)
            } else {
                step = max(1, Self.rawBytes / granule) * granule
            }
            steps.append(step)
            numbering.append(pieces: tensor.unitCount / step + (tensor.unitCount % step == 0 ? 0 : 1))
        }
        self.steps = steps
        self.numbering = numbering
    }

    var count: Int { numbering.count }

    subscript(index: Int) -> Piece {
        let (item, piece, isLast) = numbering[index]
        let unitCount = tensors[first + item].unitCount
        let start = piece * steps[item]
        let end = min(start + steps[item], unitCount)
        return Piece(tensor: first + item, units: start..<max(start, end), isLast: isLast)
    }

    /// Rows per piece of a coded tensor.
    private static func rows(of tensor: TensorDescriptor, _ coding: Coding) -> Int {
        let rowBytes = coding.streams.reduce(0) { most, stream in
            if case .perRows(let count, let bytes) = stream.extent { max(most, bytes / count) } else { most }
        }
        guard rowBytes > 0 else { return max(1, tensor.rows) }
        return max(1, codedWeights / max(1, tensor.columns), codedBytes / rowBytes)
    }
}
