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
        let hasher = try hasher()
        try feed { hasher.update($0) }
        return hasher.digest()
    }

    /// What computes a hash of bytes that arrive in pieces.
    func hasher() throws -> any StreamHasher {
        switch self {
        case .xxh3: try XXH3Hasher()
        case .sha256: SHA256Hasher()
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

/// Computes a hash of bytes that arrive in pieces.
protocol StreamHasher: AnyObject {
    func update(_ bytes: [UInt8])
    /// In lower-case hexadecimal digits.
    func digest() -> String
}

private final class XXH3Hasher: StreamHasher {
    private var stream: XXH3Stream

    init() throws { stream = try XXH3Stream() }

    func update(_ bytes: [UInt8]) { stream.update(bytes) }
    func digest() -> String { Format.hexadecimal(stream.digest()) }
}

private final class SHA256Hasher: StreamHasher {
    private var function = SHA256()

    func update(_ bytes: [UInt8]) { function.update(data: bytes) }
    func digest() -> String { Format.hexadecimal(Array(function.finalize())) }
}
