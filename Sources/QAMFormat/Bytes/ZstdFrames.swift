internal import CZstd

/// Content in pieces of 1 MiB, each a separate zstd frame, followed by a table of the frames' lengths (spec section 5.3): pieces can be
/// read independently, and readers need memory for one piece only.
package enum ZstdFrames {
    package static let pieceSize = 1 << 20
    package static let level: Int32 = 9
    private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    /// The maximum window of streaming decoders (spec section 5.3).
    private static let largestWindow = 1 << 23

    /// One piece as one frame, with its content size in the frame header. Deterministic for one libzstd version.
    package static func compress(_ piece: [UInt8]) throws -> [UInt8] {
        let bound = ZSTD_compressBound(piece.count)
        var failed = false
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let size = unsafe piece.withUnsafeBytes { unsafe ZSTD_compress(buffer.baseAddress, bound, $0.baseAddress, $0.count, level) }
            failed = ZSTD_isError(size) != 0
            count = failed ? 0 : size
        }
        guard !failed else { throw QAMError(.io, "zstd cannot compress \(piece.count) bytes") }
        return frame
    }

    /// The whole content as frames and table.
    package static func compressAll(_ content: [UInt8]) throws -> [UInt8] {
        var stored = ByteWriter()
        var lengths: [UInt32] = []
        for start in stride(from: 0, to: content.count, by: pieceSize) {
            let frame = try compress(Array(content[start..<min(start + pieceSize, content.count)]))
            stored.append(frame)
            lengths.append(UInt32(frame.count))
        }
        for length in lengths { stored.integer(length) }
        return stored.bytes
    }

    /// The content of one frame, which must have exactly `size` bytes.
    package static func decompress(_ frame: ArraySlice<UInt8>, size: Int) throws -> [UInt8] {
        // Exactly one frame per piece, and no skippable frame.
        let frameSize = unsafe frame.withUnsafeBytes { unsafe ZSTD_findFrameCompressedSize($0.baseAddress, $0.count) }
        guard frameSize == frame.count, frame.starts(with: magic) else {
            throw QAMError(.malformed, "\(frame.count) bytes are not one zstd frame")
        }
        guard try window(frame) <= largestWindow else { throw QAMError(.malformed, "the window of a zstd frame exceeds 8 MiB") }
        var actual = 0
        let content = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            actual = unsafe frame.withUnsafeBytes { unsafe ZSTD_decompress(buffer.baseAddress, size, $0.baseAddress, $0.count) }
            count = ZSTD_isError(actual) == 0 && actual == size ? size : 0
        }
        guard content.count == size else {
            let cause = ZSTD_isError(actual) == 0 ? "it holds \(actual) bytes, not \(size)" : unsafe String(cString: ZSTD_getErrorName(actual))
            throw QAMError(.malformed, "a zstd frame cannot be decompressed: \(cause)")
        }
        return content
    }

    /// The window of a frame's header (RFC 8878, 3.1.1.1); 0 for a single-segment frame, whose window is its content.
    private static func window(_ frame: ArraySlice<UInt8>) throws -> Int {
        let header = Array(frame.dropFirst(magic.count).prefix(2))
        guard header.count == 2 else { throw QAMError(.malformed, "\(frame.count) bytes are not one zstd frame") }
        guard header[0] & 0x20 == 0 else { return 0 }
        let base = 1 << (10 + Int(header[1] >> 3))
        return base + base / 8 * Int(header[1] & 7)
    }

    package static func pieceCount(contentLength: Int) -> Int { contentLength / pieceSize + (contentLength % pieceSize == 0 ? 0 : 1) }

    /// Whether content of a length can have such stored bytes. zstd splits it into blocks of at most 128 KiB, each of which takes at least
    /// four bytes; larger lengths are refused, so work is bounded by the stored bytes.
    package static func isPossible(contentLength: Int, storedLength: Int) -> Bool {
        guard contentLength > 0 else { return storedLength == 0 }
        return contentLength / maxRatio <= storedLength && pieceCount(contentLength: contentLength) <= storedLength / 4
    }

    private static let maxRatio = (128 << 10) / 4

    /// The maximum expansion of content that is read as a whole. Writers store content uncompressed if it compresses better; readers refuse
    /// more, so that a small file never needs much memory.
    package static let maxExpansion = 64

    /// The stored form of content: frames and table if they are shorter and within `maxExpansion`.
    package static func store(_ content: [UInt8]) throws -> (bytes: [UInt8], isCompressed: Bool) {
        let compressed = try compressAll(content)
        let isWorthwhile = compressed.count < content.count && content.count / maxExpansion <= compressed.count
        return isWorthwhile ? (compressed, true) : (content, false)
    }
}

/// Random access to content that is stored as zstd frames.
package struct ZstdReader: Sendable {
    package let contentLength: Int
    private let read: @Sendable (Range<Int>) throws -> [UInt8]
    /// Offsets of the frames, and the end of the last.
    private let offsets: [Int]

    /// Reads and checks the table. `read` returns stored bytes by ranges of `0..<storedLength`.
    package init(contentLength: Int, storedLength: Int, read: @escaping @Sendable (Range<Int>) throws -> [UInt8]) throws {
        let pieces = ZstdFrames.pieceCount(contentLength: contentLength)
        guard pieces <= storedLength / 4 else { throw QAMError(.malformed, "\(storedLength) bytes cannot hold \(pieces) zstd frames") }
        let tableStart = storedLength - 4 * pieces
        var table = ByteReader(try read(tableStart..<storedLength), section: "zstd frames")
        var offsets = [0]
        offsets.reserveCapacity(pieces + 1)
        for _ in 0..<pieces { offsets.append(offsets[offsets.count - 1] + Int(try table.integer(UInt32.self))) }
        guard offsets[pieces] == tableStart else { throw QAMError(.malformed, "the lengths of the zstd frames do not add up to \(tableStart)") }
        self.contentLength = contentLength
        self.read = read
        self.offsets = offsets
    }

    /// The content bytes of `range`.
    package func content(_ range: Range<Int>) throws -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let piece = position / ZstdFrames.pieceSize
            let start = piece * ZstdFrames.pieceSize
            let size = min(ZstdFrames.pieceSize, contentLength - start)
            // A frame of incompressible bytes is slightly longer than its content, but never more than this.
            guard offsets[piece + 1] - offsets[piece] <= size + size / 128 + 512 else {
                throw QAMError(.malformed, "zstd frame \(piece) is longer than its content requires")
            }
            let bytes = try ZstdFrames.decompress(read(offsets[piece]..<offsets[piece + 1])[...], size: size)
            let end = min(range.upperBound, start + size)
            result.append(contentsOf: bytes[(position - start)..<(end - start)])
            position = end
        }
        return result
    }
}
