internal import Crypto

/// SHA-256 as a tree (spec section 6.10): a different first block for what is hashed keeps leaves, nodes and records apart.
enum HashTree {
    enum Purpose: UInt8 {
        case leaf = 0
        case node = 1
        case tensor = 2
        case file = 3
        case metadata = 4
        case model = 5

        /// What precedes the bytes: a whole block of SHA-256, so that the blocks of the content stay aligned.
        fileprivate var block: [UInt8] { [rawValue] + [UInt8](repeating: 0, count: 63) }
    }

    /// The length of a digest in bytes.
    static let digestLength = 32

    static func digest(_ purpose: Purpose, _ bytes: [UInt8]) -> [UInt8] { unsafe digest(purpose, bytes.span.bytes) }

    static func digest(_ purpose: Purpose, _ bytes: RawSpan) -> [UInt8] {
        var function = SHA256()
        function.update(data: purpose.block)
        unsafe bytes.withUnsafeBytes { unsafe function.update(bufferPointer: $0) }
        return Array(function.finalize())
    }

    /// The digest of a leaf whose bytes come in pieces.
    static func leaf(_ feed: (_ take: (RawSpan) -> Void) throws -> Void) rethrows -> [UInt8] {
        var function = SHA256()
        function.update(data: Purpose.leaf.block)
        try feed { bytes in unsafe bytes.withUnsafeBytes { unsafe function.update(bufferPointer: $0) } }
        return Array(function.finalize())
    }

    /// SHA-256 alone.
    static func plainDigest(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// The root of a tree over digests: the left branch has the largest power of two of them that leaves any for the right one, as in RFC 6962.
    static func root(_ digests: ArraySlice<[UInt8]>) -> [UInt8] {
        guard digests.count > 1 else { return digests.first ?? plainDigest([]) }
        var left = 1
        while 2 * left < digests.count { left *= 2 }
        let middle = digests.startIndex + left
        return digest(.node, root(digests[..<middle]) + root(digests[middle...]))
    }

    static func root(_ digests: [[UInt8]]) -> [UInt8] { root(digests[...]) }
}
