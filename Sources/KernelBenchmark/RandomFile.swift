internal import QAMFormat

/// Random bytes in a file that is mapped, as the weights of a model are. Any bytes are symbols of any code.
///
/// The file is a temporary one that loses its name as soon as it is mapped.
struct RandomFile {
    /// Several times what caches hold.
    static let byteCount = 256 << 20

    let bytes: MappedBytes

    /// - Parameter folder: where the file is made; it takes `byteCount` bytes of its file system while the object lives.
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

    /// The next `count` bytes for the caller whose `turn` it is, so that each turn's come from memory.
    func withPiece<Result>(_ turn: Int, count: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let start = turn % (Self.byteCount / count) * count
        return try bytes.withBytes(start..<start + count, body)
    }
}

/// The random numbers that a benchmark works on: the same each time.
extension SplitMix64 {
    /// Numbers whose distribution is close to the Gaussian one: sums of twelve uniform ones.
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
