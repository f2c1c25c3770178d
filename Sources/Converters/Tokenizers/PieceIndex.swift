internal import QAMFormat

/// Finds tokens by their bytes, and by substrings of tokens without copying them.
///
/// All texts are in one buffer. Substrings of a token are hashed from its prefixes (polynomial hash), so that each lookup takes O(1) plus
/// one comparison if found. Building is linear in the bytes.
struct PieceIndex {
    private var text: [UInt8] = []
    /// Token i is `text[starts[i]..<starts[i + 1]]`.
    private var starts: [Int] = [0]
    /// Open addressing: the hash's upper half above id + 1; 0 if free.
    private var slots: [UInt64]
    private let hash = PolynomialHash()

    /// The first two tokens with the same text, if any: only the first can be found.
    private(set) var repeated: (first: Int, second: Int)?

    init(_ tokens: some Collection<String>) {
        var capacity = 16
        while capacity < 2 * tokens.count { capacity *= 2 }
        slots = Array(repeating: 0, count: capacity)
        starts.reserveCapacity(tokens.count + 1)
        for (id, token) in tokens.enumerated() {
            text.append(contentsOf: token.utf8)
            starts.append(text.count)
            let (slot, hash) = place(starts[id]..<text.count)
            if slots[slot] == 0 {
                slots[slot] = Self.tag(hash) << 32 | UInt64(id + 1)
            } else if repeated == nil {
                repeated = (Self.id(slots[slot]), id)
            }
        }
    }

    var count: Int { starts.count - 1 }

    /// The token with these bytes.
    subscript(bytes: Span<UInt8>) -> Int? { find(bytes, hash.of(bytes)) }
    subscript(text: String) -> Int? { self[text.utf8.span] }

    /// Enumerates the ways to split the token between two characters such that both parts are tokens. Calls `body` with their ids and
    /// numbers of characters.
    func splits(of id: Int, _ body: (_ left: Int, _ right: Int, _ leftLength: Int, _ rightLength: Int) -> Void) {
        let bytes = text.span.extracting(starts[id]..<starts[id + 1])
        var length = 0
        // The factor of a prefix in the hash of the whole, by number of bytes after it.
        var powers = [UInt64](repeating: 1, count: bytes.count)
        for index in bytes.indices {
            if !UTF8.isContinuation(bytes[index]) { length += 1 }
            if index > 0 { powers[index] = hash.product(powers[index - 1], hash.base) }
        }
        let whole = hash.of(bytes)
        var prefix: UInt64 = 0
        var leftLength = 0
        for cut in bytes.indices {
            let isStart = !UTF8.isContinuation(bytes[cut])
            if cut > 0, isStart, let left = find(bytes.extracting(..<cut), prefix) {
                let shifted = hash.product(prefix, powers[bytes.count - cut])
                let suffix = whole >= shifted ? whole - shifted : whole + PolynomialHash.modulus - shifted
                if let right = find(bytes.extracting(cut...), suffix) { body(left, right, leftLength, length - leftLength) }
            }
            prefix = hash.appending(bytes[cut], to: prefix)
            if isStart { leftLength += 1 }
        }
    }

    private func place(_ range: Range<Int>) -> (slot: Int, hash: UInt64) {
        let bytes = text.span.extracting(range)
        let hash = hash.of(bytes)
        return (slot(of: bytes, hash), hash)
    }

    private static func tag(_ hash: UInt64) -> UInt64 { hash >> 29 }
    private static func id(_ entry: UInt64) -> Int { Int(entry & 0xFFFF_FFFF) - 1 }

    private func find(_ bytes: Span<UInt8>, _ hash: UInt64) -> Int? {
        let found = slots[slot(of: bytes, hash)]
        return found == 0 ? nil : Self.id(found)
    }

    /// The slot with the token of these bytes, or a free one.
    private func slot(of bytes: Span<UInt8>, _ hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == Self.tag(hash), isEqual(Self.id(slots[slot]), bytes) { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func isEqual(_ id: Int, _ bytes: Span<UInt8>) -> Bool {
        let start = starts[id]
        guard starts[id + 1] - start == bytes.count else { return false }
        for index in bytes.indices where text[start + index] != bytes[index] { return false }
        return true
    }
}

/// A hash in which the hash of any substring follows from those of prefixes. The base is random for every use, so that no file can be
/// crafted to cause collisions.
private struct PolynomialHash {
    static let modulus: UInt64 = 1 << 61 - 1
    let base = UInt64.random(in: 256..<modulus)

    @inline(__always)
    func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        // 2^61 is congruent to 1.
        let sum = (low & Self.modulus) + (high << 3 | low >> 61)
        return sum >= Self.modulus ? sum - Self.modulus : sum
    }

    @inline(__always)
    func appending(_ byte: UInt8, to hash: UInt64) -> UInt64 {
        // Bytes count from 1, so that leading zeros matter.
        let sum = product(hash, base) + UInt64(byte) + 1
        return sum >= Self.modulus ? sum - Self.modulus : sum
    }

    func of(_ bytes: Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0
        for index in bytes.indices { hash = appending(bytes[index], to: hash) }
        return hash
    }
}
