internal import CXXHash

/// XXH3 with 64 bits and seed 0, by libxxhash, with the widest available vectors if the library can dispatch.
package enum XXH3 {
    package static func hash(_ bytes: some Collection<UInt8>) -> UInt64 {
        let direct = bytes.withContiguousStorageIfAvailable { unsafe qam_xxh3($0.baseAddress, $0.count) }
        return direct ?? hash(Array(bytes))
    }

    package static func hash(_ bytes: RawSpan) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe qam_xxh3($0.baseAddress, $0.count) }
    }
}

/// XXH3 of bytes that arrive in pieces: one hash of all of them.
@safe package struct XXH3Stream: ~Copyable {
    private let state: OpaquePointer

    package init() throws {
        guard let state = unsafe XXH3_createState() else { throw QAMError(.io, "out of memory for a hash") }
        unsafe self.state = state
        unsafe XXH3_64bits_reset(state)
    }

    deinit { unsafe XXH3_freeState(state) }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe qam_xxh3_update(state, $0.baseAddress, $0.count) }
    }

    package func digest() -> UInt64 { unsafe XXH3_64bits_digest(state) }
}

/// XXH3 of a stream in chunks of 1 MiB: one hash per chunk, the last of which may be shorter.
///
/// Input may be split arbitrarily; at most one chunk is buffered.
package struct ChunkHashes: Sendable {
    package static let chunkSize = 1 << 20
    /// The chunks that so many bytes are cut into.
    package static func count(of length: Int) -> Int { length / chunkSize + (length % chunkSize == 0 ? 0 : 1) }
    private var hashes: [UInt64] = []
    private var partial: [UInt8] = []

    package init() {}

    package mutating func update(_ bytes: [UInt8]) {
        var rest = bytes[...]
        if !partial.isEmpty {
            let portion = rest.prefix(Self.chunkSize - partial.count)
            partial += portion
            rest = rest.dropFirst(portion.count)
            guard partial.count == Self.chunkSize else { return }
            hashes.append(XXH3.hash(partial))
            partial.removeAll(keepingCapacity: true)
        }
        while rest.count >= Self.chunkSize {
            hashes.append(XXH3.hash(rest.prefix(Self.chunkSize)))
            rest = rest.dropFirst(Self.chunkSize)
        }
        partial += rest
    }

    /// Ends the stream and returns its hashes; resets for the next stream.
    package mutating func finish() -> [UInt64] {
        if !partial.isEmpty { hashes.append(XXH3.hash(partial)) }
        partial.removeAll()
        defer { hashes = [] }
        return hashes
    }
}
