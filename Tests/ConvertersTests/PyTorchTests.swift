import Converters
import QAMFormat
import Testing

/// PyTorch files: the output of `torch.save` is read exactly.
@Suite struct PyTorchTests {
    private static let testdata = Path.join(Path.folder(of: Path.folder(of: Path.folder(of: #filePath))), "testdata/pytorch")

    private func floats(_ source: any TensorSource, _ name: String) throws -> [Float] {
        let index = try #require(source.tensors.firstIndex { $0.name == name })
        return try ElementConversion.floats(payload(source, index).first ?? [], as: .f32)
    }

    private func open(_ file: TorchFile) throws -> PyTorchSource {
        let folder = try ScratchFolder()
        return try PyTorchSource(path: folder.write(file.bytes, "model.bin"))
    }

    /// Written by PyTorch: the tensors by `torch.save` and, made contiguous, by safetensors. All types, views and protocols.
    @Test(arguments: ["views-2.pt", "views-5.pt", "types.pt"])
    func torchAndSafetensorsAgree(_ name: String) throws {
        let source = try PyTorchSource(path: Path.join(Self.testdata, name))
        let expected = try SafetensorsSource(path: Path.join(Self.testdata, "\(name.prefix(5)).safetensors"))
        #expect(source.tensors.count == expected.tensors.count && !source.tensors.isEmpty)
        for (index, tensor) in expected.tensors.enumerated() {
            let own = try #require(source.tensors.firstIndex { $0.name == tensor.name }, "\(tensor.name)")
            #expect(source.tensors[own].shape == tensor.shape)
            var target = source.tensors[own]
            if case .alias(let first) = target.storage { target = source.tensors[first] }
            #expect(target.rawType == tensor.rawType)
            #expect(try payload(source, own) == payload(expected, index), "\(tensor.name)")
        }
    }

    @Test func aFolderOfShardsIsAModel() throws {
        let path = Path.join(Self.testdata, "sharded")
        let model = try ModelInput(path: path, takingFiles: true)
        #expect(model.format == .pytorch && model.pytorch.count == 2 && model.source.files.map(\.name) == ["config.json"])
        #expect(model.source.warnings == [])
        // The tied head is in the second shard, as is the tensor that it shares.
        let head = try #require(model.source.tensors.first { $0.name == "lm_head.weight" })
        let embedding = try #require(model.source.tensors.firstIndex { $0.name == "model.embed_tokens.weight" })
        #expect(head.storage == .alias(of: embedding))
    }

    @Test func viewsAndAliases() throws {
        var file = TorchFile()
        file.tensors = [
            .init(name: "a", shape: [3, 4], strides: [4, 1]), .init(name: "t", shape: [4, 3], strides: [1, 4]),
            .init(name: "part", offset: 5, shape: [2, 2], strides: [4, 1]), .init(name: "tied", shape: [3, 4], strides: [4, 1]),
            .init(name: "tied.t", shape: [4, 3], strides: [1, 4]), .init(name: "other shape", shape: [12], strides: [1]),
            .init(name: "scalar", offset: 7, shape: [], strides: []), .init(name: "empty", shape: [0, 3], strides: [3, 1]),
            .init(name: "repeated", offset: 2, shape: [3, 2], strides: [0, 1]),
        ]
        let source = try open(file)
        #expect(source.tensors.map(\.name) == file.tensors.map(\.name))
        #expect(source.tensors[3].storage == .alias(of: 0) && source.tensors[4].storage == .alias(of: 1) && source.tensors[5].rawType == .f32)
        #expect(try floats(source, "a") == (0..<12).map { Float($0) })
        #expect(try floats(source, "t") == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
        #expect(try floats(source, "part") == [5, 6, 9, 10])
        #expect(try floats(source, "scalar") == [7] && floats(source, "empty") == [])
        #expect(try floats(source, "repeated") == [2, 3, 2, 3, 2, 3])
        #expect { try source.withBytes(0..<4, ofStream: 0, of: 3) { _ in } } throws: { ($0 as? QAMError)?.code == .invalidArgument }
    }

    /// Every range, for every order of a tensor's dimensions.
    @Test func rangesOfStridedTensors() throws {
        let shape = [3, 4, 5], strides = [20, 5, 1]
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            var file = TorchFile(elements: 60)
            let own = order.map { shape[$0] }, steps = order.map { strides[$0] }
            file.tensors = [.init(name: "x", shape: own, strides: steps)]
            let source = try open(file)
            let expected = (0..<60).map { Float($0 / (own[1] * own[2]) * steps[0] + $0 / own[2] % own[1] * steps[1] + $0 % own[2] * steps[2]) }
            for start in 0..<60 {
                for end in start...60 {
                    let bytes = try source.read(start * 4..<end * 4, of: 0).streams.first ?? []
                    #expect(try ElementConversion.floats(bytes, as: .f32) == Array(expected[start..<end]), "\(order) \(start) \(end)")
                }
            }
        }
    }

    @Test func largeTransposedTensorsAreReadInPieces() throws {
        // Neither a row nor a column fits into one block of the storage.
        let rows = 700, columns = 600
        var file = TorchFile(elements: rows * columns)
        file.tensors = [
            .init(name: "x", shape: [columns, rows], strides: [1, columns]), .init(name: "y", shape: [columns / 2, rows / 7], strides: [2, 7 * columns]),
        ]
        let source = try open(file)
        #expect(try floats(source, "x") == (0..<rows * columns).map { Float($0 % rows * columns + $0 / rows) })
        let y = rows / 7
        #expect(try floats(source, "y") == (0..<columns / 2 * y).map { Float($0 % y * 7 * columns + $0 / y * 2) })
    }

    @Test(arguments: [["state_dict"], ["model"], ["module"], ["state_dict", "module"]])
    func trainingCheckpointsHoldAStateDict(_ path: [String]) throws {
        var file = TorchFile()
        let tensor = Pickle.tensor(.init(name: "w", shape: [2, 6], strides: [6, 1]), count: 12)
        var value = Pickle.nested([("w", tensor), ("steps", Pickle.integer(3))])
        for key in path.reversed() { value = Pickle.nested([("epoch", Pickle.integer(3)), (key, value), ("optimizer", Pickle.nested([("w", tensor)]))]) }
        file.pickle = Pickle.whole(value)
        let source = try open(file)
        #expect(source.tensors.map(\.name) == ["w"])
        let text = source.warnings.joined(separator: "\n")
        for word in ["\"\(path.joined(separator: "."))\"", "\"epoch\"", "\"optimizer\"", "\"steps\""] { #expect(text.contains(word), "\(text)") }
    }

    @Test func otherThingsBesideTensorsAreNamed() throws {
        var file = TorchFile()
        let tensor = Pickle.tensor(.init(name: "w", shape: [12], strides: [1]), count: 12)
        // A float, bytes, a list that contains itself, a set, and a key that is not a string.
        let list = Array("]q\u{0}h\u{0}a".utf8), set = Pickle.global("__builtin__", "set") + Array("]\u{85}R".unicodeScalars.map { UInt8($0.value) })
        let float: [UInt8] = [UInt8(ascii: "G"), 0, 0, 0, 0, 0, 0, 0, 0]
        file.pickle = Pickle.dictionary([("w", tensor), ("lr", float), ("names", list), ("tags", set), ("inner", Pickle.nested([("v", tensor)]))])
        let source = try open(file)
        #expect(source.tensors.map(\.name) == ["w"] && source.warnings.count == 1)
        for word in ["\"lr\" (a float)", "\"names\" (a list)", "\"tags\" (a set)", "\"inner\" (a dict)"] { #expect(source.warnings[0].contains(word)) }
    }

    @Test func checksumsOfEntriesAreVerified() async throws {
        let folder = try ScratchFolder()
        var file = TorchFile()
        file.tensors = [.init(name: "a", shape: [12], strides: [1])]
        let bytes = file.bytes
        let sound = try await PyTorchSource(path: folder.write(bytes, "a.bin")).verify(threads: 2)
        #expect(sound.problems.isEmpty && sound.byteCount > 48)
        var changed = bytes
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: TorchFile.floats(5..<7)) })
        changed[place] ^= 1
        let source = try PyTorchSource(path: folder.write(changed, "b.bin"))
        let damaged = try await source.verify(threads: 2)
        #expect(damaged.problems.count == 1)
        #expect(damaged.problems.first?.code == .checksumMismatch && damaged.problems.first?.message.contains("archive/data/0") == true)
        #expect(try await source.verify(records: source.records(of: []), threads: 2).problems.isEmpty)
        #expect(try await source.verify(records: source.records(of: [0]), threads: 2).problems.count == 1)
    }

    @Test func foldersTakeSafetensorsFirst() throws {
        let folder = try ScratchFolder()
        var file = TorchFile()
        file.tensors = [.init(name: "a", shape: [12], strides: [1])]
        try folder.write(file.bytes, "pytorch_model.bin")
        try folder.write("{}", "config.json")
        try folder.write("x", "consolidated.00.pth")
        let alone = try ModelInput(path: folder.path, takingFiles: true)
        #expect(alone.format == .pytorch && alone.source.files.map(\.name) == ["config.json"])
        #expect(alone.source.warnings == ["not taken along from \(folder.path): consolidated.00.pth"])
        let header = "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
        try folder.write(safetensors(header, data: [0, 0, 0, 0]), "model.safetensors")
        let both = try ModelInput(path: folder.path, takingFiles: true)
        #expect(both.format == .safetensors && both.source.tensors.map(\.name) == ["b"])
        #expect(both.source.warnings.contains { $0.contains("also pytorch_model.bin; model.safetensors is taken") })
    }
}
