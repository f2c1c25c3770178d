import QAMFormat
import Testing

/// Models in several .qamw files.
@Suite struct ShardTests {
    private struct Stop: Error {}

    /// Writes a model with every kind of tensor as a set, and returns the paths of its files.
    @discardableResult
    private static func writeSet(
        _ source: some TensorSource, _ folder: TemporaryFolder, _ name: String = "m.qamw", limit: Int = 20_000,
        options: ContainerOptions = ContainerOptions(), threads: Int = 2, replacing: Bool = false
    ) async throws -> [String] {
        let writer = QAMWriter(output: .file(folder.file(name)), options: options, maxShardSize: limit, replacing: replacing)
        let report = try await transfer(from: source, to: writer, threads: threads)
        let bytes = try writer.outputs.reduce(0) { $0 + (try FileStatus($1)?.byteCount ?? 0) }
        #expect(report.bytes == bytes)
        if !options.compressesRaw { #expect(try QAMWriter.plannedByteCount(of: source, options: options, maxShardSize: limit) == bytes) }
        return writer.outputs
    }

    private static func expectRefused(_ path: String, naming name: String, _ cause: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: QAMError.self, sourceLocation: sourceLocation) { try QAMReader(path: path) }
        #expect(error?.code == .malformed && error?.place.section == "shards", "\(String(describing: error))", sourceLocation: sourceLocation)
        #expect(
            error?.description.contains(name) == true && error?.message.contains(cause) == true, "\(String(describing: error))", sourceLocation: sourceLocation)
    }

    @Test func theFirstFileOpensTheSet() async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable(bigRows: 300)
        let paths = try await Self.writeSet(source, folder)
        #expect(paths.count > 3 && paths.map(Path.name(of:)) == folder.names)
        #expect(folder.names[0] == "m-00001-of-0000\(paths.count).qamw")
        for access in accessModes(paths[0]) {
            let reader = try QAMReader(path: paths[0], access: access, verifiesPayload: true)
            #expect(reader.tensors == source.tensors && reader.shared == source.shared && reader.metadata == source.metadata)
            #expect(reader.files.map(\.name) == ["config.json"] && reader.inputs == paths && reader.warnings.isEmpty)
            for (index, tensor) in source.tensors.enumerated() {
                #expect(try payload(reader, index) == payload(source, index), "\(tensor.name)")
                let view = try reader.tensor(named: tensor.name)
                let target = if case .alias(let target) = tensor.storage { target } else { index }
                #expect(view.index == target && view.name == tensor.name && reader.index(of: tensor.name) == index)
                guard tensor.name != "nibbles" else { continue }
                #expect(try bits(view.floats()) == bits(expectedFloats(source, index)), "\(tensor.name)")
                #expect(view.isMapped == (access == .mapped))
            }
            #expect(reader.index(of: "nowhere") == nil)
            #expect(throws: QAMError.self) { try reader.tensor(at: source.tensors.count) }
            let report = try await reader.verify(threads: 2)
            #expect(report.problems.isEmpty && report.warnings.isEmpty)
            #expect(report.bytesVerified > paths.count * 4096)
        }
    }

    @Test func aMatrixMultipliesFromAnyFile() async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable(bigRows: 300)
        try await write(source, to: folder.file("whole.qamw"))
        let paths = try await Self.writeSet(source, folder)
        let whole = try QAMReader(path: folder.file("whole.qamw"), access: .mapped), set = try QAMReader(path: paths[0], access: .mapped)
        for name in ["big", "scaled", "tied"] {
            let products = try [whole, set].map { reader in
                let matrix = try QAMMatrix(reader.tensor(named: name))
                var out = [Float](repeating: 0, count: matrix.rows)
                var span = out.mutableSpan
                try matrix.multiply(matrix.prepare((0..<matrix.columns).map { Float($0 % 7) - 3 }), into: &span)
                return out
            }
            #expect(bits(products[0]) == bits(products[1]) && products[0].contains { $0 != 0 })
        }
    }

    /// A set and a single file represent the same model, and each converts to the other byte for byte.
    @Test(arguments: [false, true]) func aSetBecomesOneFileAndBack(compressing: Bool) async throws {
        let folder = try TemporaryFolder(), again = try TemporaryFolder()
        var options = ContainerOptions()
        options.compressesRaw = compressing
        options.alignment = 256
        let source = MemorySource.complete(bigRows: 500)
        try await write(source, to: folder.file("whole.qamw"), options: options)
        let paths = try await Self.writeSet(source, folder, limit: 300, options: options)
        let set = try QAMReader(path: paths[0])
        #expect(set.options.compressesRaw == compressing)
        try await write(set, to: folder.file("joined.qamw"), options: set.options)
        #expect(try contents(of: folder.file("joined.qamw")) == contents(of: folder.file("whole.qamw")))
        let second = try await Self.writeSet(QAMReader(path: folder.file("joined.qamw")), again, limit: 300, options: options, threads: 1)
        #expect(try second.map { try contents(of: $0) } == paths.map { try contents(of: $0) })
    }

    @Test func eachFileIsSoundByItself() async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable(bigRows: 300)
        let paths = try await Self.writeSet(source, folder)
        var names: [String] = []
        for (number, path) in paths.enumerated() {
            let reader = try QAMReader(FileBytes(path: path))
            #expect(reader.warnings.count == 1 && reader.warnings[0].contains("file \(number + 1) of a set of \(paths.count)"))
            #expect(reader.warnings[0].contains(Path.name(of: paths[0])))
            #expect(try await reader.verify(threads: 1).problems.isEmpty)
            for tensor in reader.tensors {
                names.append(tensor.name)
                let index = try #require(source.tensors.firstIndex { $0.name == tensor.name })
                guard tensor.name != "nibbles" else { continue }
                #expect(try bits(reader.tensor(named: tensor.name).floats()) == bits(expectedFloats(source, index)))
            }
            if number > 0 { #expect(try QAMReader(path: path).tensors == reader.tensors) }
        }
        #expect(names.sorted() == source.tensors.map(\.name).sorted())
    }

    @Test func damageIsFoundInTheFileThatHasIt() async throws {
        let folder = try TemporaryFolder()
        let paths = try await Self.writeSet(MemorySource.decodable(bigRows: 300), folder)
        let set = try QAMReader(path: paths[0])
        let bf16 = try #require(set.index(of: "bf16")), (file, local) = set.model.located(bf16)
        #expect(file > 0)
        let damaged = set.model.files[file]
        let section = try #require(damaged.sections.first { $0.known == .raw })
        var bytes = try contents(of: paths[file])
        bytes[section.offset + damaged.directory.extents(of: local)[0].extent.offset + 9] ^= 1
        try OutputFile.overwrite(paths[file], bytes)
        let reader = try QAMReader(path: paths[0], verifiesPayload: true)
        let report = try await reader.verify(threads: 2)
        #expect(report.problems.count == 1 && report.problems[0].place.tensor == "bf16" && report.problems[0].place.file == paths[file])
        #expect(try await reader.verify(tensors: ["bf16"], threads: 1).problems.count == 1)
        #expect(try await reader.verify(tensors: ["big", "tied", "f32"], threads: 1).problems.isEmpty)
        let error = #expect(throws: QAMError.self) { try reader.tensor(named: "bf16").floats(rows: 0..<1) }
        #expect(error?.code == .checksumMismatch)
    }

    @Test func filesThatDoNotBelongTogether() async throws {
        let folder = try TemporaryFolder(), other = try TemporaryFolder()
        let paths = try await Self.writeSet(MemorySource.complete(), folder, limit: 200)
        var changed = MemorySource.complete()
        changed.byte = { _, _, position in UInt8(truncatingIfNeeded: position) }
        let others = try await Self.writeSet(changed, other, limit: 200)
        #expect(paths.count == others.count && paths.count >= 3)
        let second = try contents(of: paths[1]), name = Path.name(of: paths[1])

        try OutputFile.overwrite(paths[1], contents(of: others[1]))
        Self.expectRefused(paths[0], naming: name, "it is not the file that the first of the set was written with")
        try OutputFile.overwrite(paths[1], contents(of: paths[2]))
        Self.expectRefused(paths[0], naming: name, "by its name it is file 2")
        try await write(MemorySource(tensors: []), to: paths[1], replacing: true)
        Self.expectRefused(paths[0], naming: name, "belongs to no set")
        try OutputFile.overwrite(paths[1], Array(second.dropLast()))
        #expect(#expect(throws: QAMError.self) { try QAMReader(path: paths[0]) }?.place.file == paths[1])
        try SystemCalls.remove(paths[1])
        Self.expectRefused(paths[0], naming: paths[0], "1 of \(paths.count) files of the set are missing: \(name)")
        try OutputFile.overwrite(paths[1], second)
        #expect(try QAMReader(path: paths[0]).tensors.count == 7)
        try OutputFile.overwrite(folder.file("renamed.qamw"), contents(of: paths[0]))
        Self.expectRefused(folder.file("renamed.qamw"), naming: "renamed.qamw", "its name must end in -00001-of-0000\(paths.count).qamw")
    }

    @Test func metadataAreEditedInTheFirstFile() async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource.complete()
        let paths = try await Self.writeSet(source, folder, limit: 200)
        let before = try paths.dropFirst().map { try contents(of: $0) }, warnings = try QAMReader(path: paths[0]).warnings
        for (value, outcome) in [
            ("short", MetadataEditor.Outcome.inPlace), (String(repeating: "long ", count: 20_000).shuffledText, .rewritten), ("s", .inPlace),
        ] {
            #expect(try await MetadataEditor.edit(paths[0]) { $0.set("k", .string(value)) } == outcome)
            let reader = try QAMReader(path: paths[0])
            #expect(reader.metadata["k"] == .string(value) && reader.tensors == source.tensors && reader.warnings == warnings)
            #expect(try await reader.verify(threads: 1).problems.isEmpty)
        }
        #expect(try paths.dropFirst().map { try contents(of: $0) } == before)
        let error = await #expect(throws: QAMError.self) { try await MetadataEditor.edit(paths[1]) { $0.set("k", .uint8(1)) } }
        #expect(error?.code == .invalidArgument && error?.message.contains(Path.name(of: paths[0])) == true)
    }

    /// All files appear, or none; what an interrupted run left is reused.
    @Test func filesAppearTogether() async throws {
        let folder = try TemporaryFolder(), whole = try TemporaryFolder()
        let source = try MemorySource.decodable(bigRows: 300)
        let expected = try await Self.writeSet(source, whole).map { try contents(of: $0) }
        for keeping in [false, true] {
            let writer = QAMWriter(output: .file(folder.file("m.qamw")), maxShardSize: 20_000, resuming: keeping)
            await #expect(throws: Stop.self) {
                _ = try await transfer(from: source, to: writer, threads: 1, keepingPartial: keeping) { if $0.tensor == "f16" { throw Stop() } }
            }
            #expect(folder.names.count == (keeping ? expected.count + 1 : 0) && !folder.names.contains { $0.hasSuffix(".qamw") })
        }
        let writer = QAMWriter(output: .file(folder.file("m.qamw")), maxShardSize: 20_000, resuming: true)
        var first: String?
        _ = try await transfer(from: source, to: writer, threads: 1, keepingPartial: true) { first = first ?? $0.tensor }
        #expect(first == "f16")
        #expect(try writer.outputs.map { try contents(of: $0) } == expected)
        #expect(folder.names == writer.outputs.map(Path.name(of:)))
        // One existing file prevents the whole set from being written.
        let refused = await #expect(throws: QAMError.self) { try await Self.writeSet(source, folder) }
        #expect(refused?.code == .cannotCreate)
        try await Self.writeSet(MemorySource.complete(bigRows: 5), folder, "other.qamw", limit: 1)
    }

    @Test func aFolderHoldsOneModel() async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource.complete()
        func write(_ limit: Int?) async throws -> QAMWriter {
            let writer = QAMWriter(output: .folder(folder.path), maxShardSize: limit, replacing: true)
            _ = try await transfer(from: source, to: writer, threads: 1)
            return writer
        }
        let set = try await write(200)
        #expect(try ShardPaths.modelFile(in: folder.path, fileExtension: "qamw") == set.outputs[0])
        #expect(set.warnings.isEmpty)
        // A file of a set with another count stays, with a warning; two sets are ambiguous; a single whole file has precedence over them.
        let other = try await write(500)
        #expect(other.outputs.count != set.outputs.count && other.warnings.first?.contains("files of another model stay") == true)
        #expect(throws: QAMError.self) { try ShardPaths.modelFile(in: folder.path, fileExtension: "qamw") }
        #expect(try await write(nil).outputs == [folder.file("model.qamw")])
        #expect(try ShardPaths.modelFile(in: folder.path, fileExtension: "qamw") == folder.file("model.qamw"))
        let hidden = await #expect(throws: QAMError.self) { _ = try await write(200) }
        #expect(hidden?.code == .cannotCreate && hidden?.place.file == folder.file("model.qamw"))
    }

    @Test func namesOfFilesOfASet() throws {
        let name = ShardName(prefix: "a-b", number: 2, count: 123_456, fileExtension: "qamw")
        #expect(name.description == "a-b-00002-of-123456.qamw" && ShardName(name.description, fileExtension: "qamw") == name)
        #expect(name.file(1).description == "a-b-00001-of-123456.qamw")
        for other in [
            "m.qamw", "m-00001-of-00002.gguf", "m-1-of-2.qamw", "m-00003-of-00002.qamw", "m-00000-of-00002.qamw", "m-00001-of-00001.qamw",
            "-00001-of-00002.qamw", "m-000001-of-00002.qamw", "m-00001-of-00002", "m-+0001-of-00002.qamw", "m-00001-of-99999999999999999999.qamw", "",
        ] {
            #expect(ShardName(other, fileExtension: "qamw") == nil, "\(other)")
        }
    }

    @Test func groupsAreFilledInOrder() {
        #expect(ShardGroups.groups(sizes: [], limit: 10) == [[]])
        #expect(ShardGroups.groups(sizes: [4, 6, 1, 20, 3, 0], limit: 10) == [[0, 1], [2], [3], [4, 5]])
        #expect(ShardGroups.groups(sizes: [5, 5], limit: Int.max) == [[0, 1]])
    }
}

extension String {
    /// Text that compression does not shorten.
    fileprivate var shuffledText: String {
        var generator = SplitMix64(state: 1)
        return String((0..<count).map { _ in Character(Unicode.Scalar(UInt8(97 + generator.next() % 26))) })
    }
}

extension OutputFile {
    /// Overwrites bytes of a file in place.
    fileprivate static func overwrite(_ path: String, _ bytes: [UInt8]) throws {
        let set = try OutputSet(inputs: [], replacing: true)
        try set.add(path, bytes: bytes)
        try set.commit([path])
    }
}
