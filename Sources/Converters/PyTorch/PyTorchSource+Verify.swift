package import QAMFormat

extension PyTorchSource {
    /// Reads the archive's entries with these indices, or all, and compares their CRC-32. Returns the entries that differ as errors, and the
    /// bytes read.
    ///
    /// Processes up to `threads` entries at a time, each in pieces of 1 MiB. `monitor` receives the bytes done and the total; if it throws,
    /// the check stops. Throws what reading throws.
    package func verify(
        records chosen: [Int]? = nil, threads: Int, monitor: (Int, Int) throws -> Void = { _, _ in }
    ) async throws -> (problems: [QAMError], byteCount: Int) {
        let work = (chosen.map { indices in indices.map { records[$0] } } ?? records)
        let total = work.reduce(0) { $0 + $1.range.count }
        var problems: [QAMError] = []
        var done = 0
        try await orderedMap(0..<work.count, width: threads) { index in
            try checksum(of: work[index].range)
        } consume: { index, checksum in
            let (name, range, expected) = work[index]
            if checksum != expected {
                problems.append(
                    QAMError(
                        .checksumMismatch, "the CRC-32 of \(name) is \(Self.text(checksum)), but the archive says \(Self.text(expected))",
                        at: .init(file: inputs[0], offset: range.lowerBound, length: range.count)))
            }
            done += range.count
            try monitor(done, total)
        }
        return (problems, total)
    }

    private static func text(_ checksum: UInt32) -> String {
        let digits = String(checksum, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
