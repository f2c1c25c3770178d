internal import ArgumentParser
internal import Crypto
internal import QAMFormat

/// The hashes that `checksum` knows.
enum HashAlgorithm: String, CaseIterable, ExpressibleByArgument {
    case xxh3
    case sha256

    private static let pieceSize = 4 << 20

    /// The algorithm that gives hashes of so many hexadecimal digits.
    init?(digits: Int) {
        switch digits {
        case 16: self = .xxh3
        case 64: self = .sha256
        default: return nil
        }
    }

    /// The hash of the bytes that `feed` passes on, in lower-case hexadecimal digits.
    func hash(_ feed: (_ update: ([UInt8]) -> Void) throws -> Void) throws -> String {
        switch self {
        case .xxh3:
            var stream = try XXH3Stream()
            try feed { stream.update($0) }
            return Format.hexadecimal(stream.digest())
        case .sha256:
            var function = SHA256()
            try feed { function.update(data: $0) }
            return Format.hexadecimal(Array(function.finalize()))
        }
    }

    /// The hash of all bytes of a file. `monitor` is told how many are done.
    func hash(_ file: FileStream, monitor: (Int) throws -> Void) throws -> String {
        try hash { try Self.pieces(of: file, monitor, $0) }
    }

    private static func pieces(of file: FileStream, _ monitor: (Int) throws -> Void, _ body: ([UInt8]) -> Void) throws {
        var done = 0
        while true {
            try monitor(done)
            let piece = try file.next(pieceSize)
            if piece.isEmpty { return }
            body(piece)
            done += piece.count
        }
    }
}
