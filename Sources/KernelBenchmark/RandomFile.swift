internal import QAMFormat

/// Random bytes in a mapped file, like the weights of a model. Any bytes are valid symbols of any code.
///
/// The temporary file is unlinked as soon as it is mapped.
struct RandomFile {
    /// Several times the size of caches.
    static let byteCount = 256 << 20

    let bytes: MappedBytes

    /// - Parameter folder: takes `byteCount` bytes of its file system while the object exists.
    init(in folder: String) throws {
        let output = try OutputFile.underRandomName(Path.join(folder, "qamw-bench"))
        defer { output.discard(keepingPartial: false) }
        var generator = SplitMix64(state: 1)
        let pieceBytes = 4 << 20
        for start in stride(from: 0, to: Self.byteCount, by: pieceBytes) {
            var piece: [UInt8] = []
            piece.reserveCapacity(pieceBytes)
            for _ in 0..<pieceBytes / 8 { unsafe withUnsafeBytes(of: generator.next()) { unsafe piece.append(contentsOf: $0) } }
            try output.write(piece, at: start)
        }
        bytes = try MappedBytes(path: output.temporaryPath)
    }

    /// The next `count` bytes for iteration `iteration`, so that each iteration reads from memory.
    func withPiece<Result>(_ iteration: Int, count: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let start = iteration % (Self.byteCount / count) * count
        return try bytes.withBytes(start..<start + count, body)
    }
}

/// Reproducible random numbers for benchmarks.
extension SplitMix64 {
    /// Approximately Gaussian numbers: sums of twelve uniform ones.
    mutating func gaussians(_ count: Int) -> [Float] {
        (0..<count).map { _ in
            var sum: UInt32 = 0
            for _ in 0..<3 {
                let bits = next()
                for shift in [0, 16, 32, 48] as [UInt64] { sum += UInt32(bits >> shift & 0xFFFF) }
            }
            return Float(sum) * 0x1p-16 - 6
        }
    }
}
