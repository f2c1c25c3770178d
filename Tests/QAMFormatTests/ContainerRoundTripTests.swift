import QAMFormat
import Testing

@Suite struct ContainerRoundTripTests {
    @Test(arguments: [64, 4096], [false, true])
    func everythingComesBack(alignment: Int, compressesRaw: Bool) async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource.complete(bigRows: 70_000)
        var options = ContainerOptions()
        options.alignment = alignment
        options.compressesRaw = compressesRaw
        let path = folder.file("m.qamw")
        let report = try await write(source, to: path, options: options)
        #expect(folder.names == ["m.qamw"])
        #expect(try report.bytes == FileStatus(path)?.byteCount)
        // Eighteen chunks of 2^18 weights, each with an energy of 100.
        #expect(report.distortion[1] == Distortion(error: 70_000, energy: 1_800))

        let reader = try QAMReader(path: path)
        #expect(reader.tensors == source.tensors)
        #expect(reader.metadata == source.metadata)
        #expect(reader.shared == source.shared)
        #expect(reader.files.map(\.name) == ["config.json", "tokenizer.json"])
        for (file, original) in zip(reader.files, source.files) {
            #expect(try file.read(0..<file.byteCount) == original.read(0..<original.byteCount))
        }
        for tensor in source.tensors.indices {
            #expect(try payload(reader, tensor) == payload(source, tensor), "tensor \(tensor)")
        }
        let verified = try await reader.verify(threads: 2)
        #expect(verified.problems.isEmpty)
        #expect(verified.bytesVerified == report.bytes)
        #expect(reader.warnings.contains { $0.contains("codec 32513") })
    }

    @Test func anEmptyModelIsAFile() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m.qamw")
        try await write(MemorySource(tensors: []), to: path)
        let reader = try QAMReader(path: path)
        #expect(reader.tensors.isEmpty)
        #expect(try await reader.verify(threads: 1).problems.isEmpty)
    }

    @Test func theSameBytesOnAnyNumberOfThreads() async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource.complete(bigRows: 40_000)
        for threads in [1, 2, 5] { try await write(source, to: folder.file("\(threads)"), threads: threads) }
        let first = try contents(of: folder.file("1"))
        #expect(try contents(of: folder.file("2")) == first)
        #expect(try contents(of: folder.file("5")) == first)
    }

    @Test func aRewrittenFileIsTheSame() async throws {
        let folder = try TemporaryFolder()
        for (index, compresses) in [false, true].enumerated() {
            var options = ContainerOptions()
            options.compressesRaw = compresses
            options.alignment = 512
            options.metadataCapacity = 16384
            let path = folder.file("\(index)")
            try await write(MemorySource.complete(), to: path, options: options)
            let reader = try QAMReader(path: path)
            #expect(reader.options == options)
            try await write(reader, to: path + "again", options: reader.options)
            #expect(try contents(of: path) == contents(of: path + "again"))
        }
    }

    @Test func thePlanTellsTheSize() async throws {
        let folder = try TemporaryFolder()
        var source = MemorySource.complete()
        source.files = []
        let planned = try QAMWriter.plannedByteCount(of: source)
        let report = try await write(source, to: folder.file("m"))
        #expect(report.bytes == planned)
    }

    @Test func everyMetadataTypeComesBack() throws {
        var metadata = Metadata()
        let values: [MetadataValue] = [
            .uint8(255), .int8(-128), .uint16(65535), .int16(-2), .uint32(.max), .int32(.min), .float32(-0.0), .bool(true),
            .string("ü\0"), .uint64(.max), .int64(.min), .float64(1e300),
            .array(.uint8([1, 2])), .array(.int8([-1])), .array(.uint16([3])), .array(.int16([-3])), .array(.uint32([4])),
            .array(.int32([-4])), .array(.float32([1.5])), .array(.bool([true, false])), .array(.string([])),
            .array(.uint64([5])), .array(.int64([-5])), .array(.float64([2.5])),
        ]
        for (index, value) in values.enumerated() { metadata.set("key\(index)", value) }
        #expect(try Metadata(encoded: metadata.encoded) == metadata)
        for length in 0..<metadata.encoded.count {
            #expect(throws: QAMError.self) { try Metadata(encoded: Array(metadata.encoded.prefix(length))) }
        }
    }

    @Test func openingTenThousandTensorsIsCheap() async throws {
        let folder = try TemporaryFolder()
        let tensors = (0..<10_000).map { TensorDescriptor(name: "model.layers.\($0).weight", shape: [1, 3], storage: .raw(.f32)) }
        let path = folder.file("m")
        try await write(MemorySource(tensors: tensors), to: path)
        let counting = CountingBytes(try FileBytes(path: path))
        let reader = try QAMReader(counting)
        #expect(reader.tensors.count == 10_000)
        let raw = try #require(reader.sections.first { $0.name == "raw" })
        #expect(counting.ranges.allSatisfy { $0.upperBound <= raw.offset }, "opening touches no payload")
    }
}

@Suite struct ExactNameTests {
    /// The letter é, composed and decomposed: equal strings in Swift, two names in every format.
    @Test func canonicallyEquivalentNamesAreTwo() async throws {
        let names = ["caf\u{E9}", "cafe\u{301}"]
        let folder = try TemporaryFolder()
        var source = MemorySource(tensors: names.map { TensorDescriptor(name: $0, shape: [2], storage: .raw(.u8)) })
        for (index, name) in names.enumerated() { source.metadata.set(name, .uint8(UInt8(index))) }
        try await write(source, to: folder.file("m"))
        let reader = try QAMReader(path: folder.file("m"))
        #expect(names.map { reader.index(of: $0) } == [0, 1])
        #expect(names.map { reader.metadata[$0] } == [.uint8(0), .uint8(1)])
    }
}
