extension ResumeJournal {
    /// The head of a journal: signature (8 bytes), XXH3 of the fingerprint (u64), number of partial files (u64), inode and minimum length
    /// of each (u64 both), XXH3 of all that (u64).
    struct Head: Hashable {
        private static let signature: [UInt8] = Array("QAMWJRN2".utf8)
        private static let maximumFiles = 1 << 20
        static let maximumByteCount = byteCount(files: maximumFiles)

        /// Identifies a partial file. The inode is not enough: file systems reuse it.
        struct Owned: Hashable {
            var inode: UInt64
            /// The file's minimum length.
            var length: UInt64

            func isThis(_ status: FileStatus) -> Bool {
                status.kind == .file && status.inode == inode && UInt64(clamping: status.byteCount) >= length
            }
        }

        var fingerprint: UInt64
        var files: [Owned]

        init(fingerprint: UInt64, files: [Owned]) {
            self.fingerprint = fingerprint
            self.files = files
        }

        /// Nil for bytes that are not a journal's.
        init?(_ bytes: [UInt8]) {
            var reader = ByteReader(bytes, section: "journal")
            guard let signature = try? reader.take(8), signature.elementsEqual(Self.signature),
                let fingerprint: UInt64 = try? reader.integer(), let count: UInt64 = try? reader.integer(), count <= Self.maximumFiles
            else { return nil }
            var files: [Owned] = []
            for _ in 0..<count {
                guard let inode: UInt64 = try? reader.integer(), let length: UInt64 = try? reader.integer() else { return nil }
                files.append(Owned(inode: inode, length: length))
            }
            self.init(fingerprint: fingerprint, files: files)
            guard let hash: UInt64 = try? reader.integer(), hash == XXH3.hash(covered) else { return nil }
        }

        static func byteCount(files: Int) -> Int { 32 + 16 * files }

        var encoded: [UInt8] {
            var writer = ByteWriter()
            writer.append(covered)
            writer.integer(XXH3.hash(covered))
            return writer.bytes
        }

        /// The hashed bytes.
        private var covered: [UInt8] {
            var writer = ByteWriter()
            writer.append(Self.signature)
            writer.integer(fingerprint)
            writer.count(files.count)
            for file in files {
                writer.integer(file.inode)
                writer.integer(file.length)
            }
            return writer.bytes
        }
    }
}
