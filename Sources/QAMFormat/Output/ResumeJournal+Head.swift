extension ResumeJournal {
    /// The begin of a journal: signature (8 bytes), XXH3 of the fingerprint (u64), number of partial files (u64), the inode of
    /// each (u64), XXH3 of all that (u64).
    struct Head: Hashable {
        private static let signature: [UInt8] = Array("QAMWJRN2".utf8)
        private static let maximumFiles = 1 << 20
        static let maximumByteCount = byteCount(files: maximumFiles)

        var fingerprint: UInt64
        var inodes: [UInt64]

        init(fingerprint: UInt64, inodes: [UInt64]) {
            self.fingerprint = fingerprint
            self.inodes = inodes
        }

        /// Nil for bytes that are no journal's.
        init?(_ bytes: [UInt8]) {
            var reader = ByteReader(bytes, section: "journal")
            guard let signature = try? reader.take(8), signature.elementsEqual(Self.signature),
                let fingerprint: UInt64 = try? reader.integer(), let count: UInt64 = try? reader.integer(), count <= Self.maximumFiles
            else { return nil }
            var inodes: [UInt64] = []
            for _ in 0..<count {
                guard let inode: UInt64 = try? reader.integer() else { return nil }
                inodes.append(inode)
            }
            self.init(fingerprint: fingerprint, inodes: inodes)
            guard let hash: UInt64 = try? reader.integer(), hash == XXH3.hash(covered) else { return nil }
        }

        static func byteCount(files: Int) -> Int { 32 + 8 * files }

        var encoded: [UInt8] {
            var writer = ByteWriter()
            writer.append(covered)
            writer.integer(XXH3.hash(covered))
            return writer.bytes
        }

        /// What the hash covers.
        private var covered: [UInt8] {
            var writer = ByteWriter()
            writer.append(Self.signature)
            writer.integer(fingerprint)
            writer.count(inodes.count)
            for inode in inodes { writer.integer(inode) }
            return writer.bytes
        }
    }
}
