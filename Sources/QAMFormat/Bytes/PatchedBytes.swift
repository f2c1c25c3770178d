/// Bytes of which some are replaced: a file as if it had been repaired. Where they end before `byteCount`, zeros follow.
package struct PatchedBytes: ByteSource {
    private let base: any ByteSource
    package var byteCount: Int
    private var patches: [(offset: Int, bytes: [UInt8])] = []

    package init(_ base: any ByteSource) {
        self.base = base
        byteCount = base.byteCount
    }

    package var name: String { base.name }

    /// Replaces the bytes from `offset` on. What was replaced later counts. The patches are held in memory.
    package mutating func replace(at offset: Int, with bytes: [UInt8]) { patches.append((offset, bytes)) }

    package func read(_ range: Range<Int>) throws -> [UInt8] {
        try checkBounds(range)
        let present = range.clamped(to: 0..<base.byteCount)
        var bytes = present.isEmpty ? [] : try base.read(present)
        bytes += [UInt8](repeating: 0, count: range.count - bytes.count)
        for patch in patches {
            let common = range.clamped(to: patch.offset..<patch.offset + patch.bytes.count)
            guard !common.isEmpty else { continue }
            bytes.replaceSubrange(
                common.lowerBound - range.lowerBound..<common.upperBound - range.lowerBound,
                with: patch.bytes[common.lowerBound - patch.offset..<common.upperBound - patch.offset])
        }
        return bytes
    }
}
