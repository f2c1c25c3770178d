/// Encodes and decodes the sections `codebooks` and `seeds` (spec sections 6.4 and 6.5).
extension SharedTables {
    package var encodedCodebooks: [UInt8] {
        var writer = ByteWriter()
        writer.count(codebooks.count)
        for codebook in codebooks {
            writer.integer(codebook.codec.rawValue)
            writer.zeros(2)
            writer.integer(UInt32(codebook.bytes.count))
            writer.append(codebook.bytes)
            writer.zeros(alignUp(codebook.bytes.count, to: 8) - codebook.bytes.count)
        }
        return writer.bytes
    }

    package var encodedSeeds: [UInt8] {
        var writer = ByteWriter()
        writer.count(seeds.count)
        writer.integer(UInt32(Self.seedLength))
        writer.zeros(4)
        for seed in seeds { writer.integer(seed) }
        return writer.bytes
    }

    private static let seedLength = 8

    /// Parses both sections. Skips data that a later version may have appended to a record.
    package init(codebooks: [UInt8]?, codebooksBase: Int, seeds: [UInt8]?, seedsBase: Int) throws {
        self.init()
        if let codebooks {
            var reader = ByteReader(codebooks, section: SectionName.codebooks.rawValue, base: codebooksBase)
            let count = try reader.count()
            guard count <= reader.remaining / 8, count < 0xFFFF else { throw reader.malformed("\(count) codebooks are too many") }
            for _ in 0..<count {
                let codec = CodecID(rawValue: try reader.integer())
                try reader.skip(2)
                let length = Int(try reader.integer(UInt32.self))
                self.codebooks.append(CodebookRecord(codec: codec, bytes: Array(try reader.take(length))))
                try reader.skip(alignUp(length, to: 8) - length)
            }
            guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last codebook") }
        }
        if let seeds {
            var reader = ByteReader(seeds, section: SectionName.seeds.rawValue, base: seedsBase)
            let count = try reader.count()
            let length = Int(try reader.integer(UInt32.self))
            try reader.skip(4)
            guard count < 0xFFFF, length >= Self.seedLength, reader.remaining == length * count else {
                throw reader.malformed("the section does not hold \(count) seeds")
            }
            for _ in 0..<count {
                self.seeds.append(try reader.integer())
                try reader.skip(length - Self.seedLength)
            }
        }
    }
}
