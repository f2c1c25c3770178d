import Converters
import QAMFormat
import Testing

/// PyTorch files that are damaged, hostile or of another kind: refused with a cause and a place, and nothing is executed.
@Suite struct PyTorchHostileTests {
    private func expectRefused(_ bytes: [UInt8], _ code: QAMError.Code, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(bytes, "x.pt")
        do {
            _ = try PyTorchSource(path: path)
            Issue.record("it is taken", sourceLocation: sourceLocation)
        } catch let error as QAMError {
            #expect(error.code == code && error.place.file == path, "\(error)", sourceLocation: sourceLocation)
            for word in words { #expect(error.description.contains(word), "\(error)", sourceLocation: sourceLocation) }
        }
    }

    private func expectRefused(
        pickle: [UInt8], _ code: QAMError.Code, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var file = TorchFile()
        file.pickle = pickle
        let folder = try ScratchFolder()
        let path = try folder.write(file.bytes, "x.pt")
        #expect(sourceLocation: sourceLocation) {
            try PyTorchSource(path: path)
        } throws: { error in
            guard let error = error as? QAMError else { return false }
            return error.code == code && error.place.section == "data.pkl" && words.allSatisfy(error.description.contains)
        }
    }

    private static let tensor = Pickle.tensor(.init(name: "w", shape: [12], strides: [1]), count: 12)

    @Test func codeIsNamedAndNotRun() throws {
        for (module, name) in [
            ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("torch", "load"), ("collections", "OrderedDict.x"), ("torch.nn", "Linear"),
        ] {
            let call = Pickle.global(module, name) + Pickle.tuple([Pickle.text("touch x")]) + Array("R".utf8)
            try expectRefused(
                pickle: Pickle.dictionary([("w", Self.tensor), ("x", call)]), .unsupported, "would run \(module).\(name): not a plain state dict")
        }
        let stacked: [UInt8] = Pickle.text("os") + Pickle.text("system") + [0x93]
        try expectRefused(pickle: Pickle.whole(stacked), .unsupported, "would run os.system")
        try expectRefused(pickle: Pickle.whole(Array("ios\nsystem\n".utf8)), .unsupported, "INST")
        try expectRefused(pickle: Pickle.whole([0x82, 1]), .unsupported, "EXT1")
        try expectRefused(pickle: Pickle.whole(Array("]\u{71}\u{0}h\u{0}b".utf8)), .unsupported, "attributes")
        let made = Pickle.global("torch", "FloatStorage") + Array(")R".utf8)
        try expectRefused(pickle: Pickle.dictionary([("w", made)]), .unsupported, "does not use")
    }

    @Test func picklesThatAreBroken() throws {
        let broken: [(String, [UInt8])] = [
            ("not a pickle", [1, 2, 3]), ("protocol", [0x80, 9]), ("bytes are needed", [0x80, 2]), ("bytes are needed", [0x80, 2, 0x58, 255, 255, 255, 255]),
            ("stack is empty", [0x80, 2, 0x2E]), ("stack is empty", [0x80, 2, 0x85, 0x2E]), ("no mark", [0x80, 2, 0x74, 0x2E]),
            ("no value 7", [0x80, 2, 0x68, 7, 0x2E]), ("follow the end", Pickle.whole(Pickle.integer(1)) + [0]),
            ("not a string", [0x80, 2, 0x4E, 0x4E, 0x93, 0x2E]),
            ("a key has no value", Array("\u{80}\u{2}}(Nu.".unicodeScalars.map { UInt8($0.value) })), ("frame", [0x80, 4, 0x95, 255, 0, 0, 0, 0, 0, 0, 0]),
            ("not a function", Pickle.whole(Array("N)R".utf8))), ("not a tuple", Pickle.whole(Array("NNR".utf8))), ("does not end", [0x80, 2, 0x63, 0x61]),
            ("class, key and size", Pickle.whole(Array("NQ".utf8))), ("UTF-8", [0x80, 2, 0x8C, 1, 0xFF, 0x2E]),
            ("values are appended", Pickle.whole(Array("NNa".utf8))),
        ]
        for (words, pickle) in broken {
            let code: QAMError.Code = words == "protocol" ? .unsupported : .malformed
            try expectRefused(pickle: pickle, code, words)
        }
        try expectRefused(pickle: Pickle.whole(Pickle.tuple([Self.tensor])), .unsupported, "a tuple")
        try expectRefused(pickle: Pickle.dictionary([("epoch", Pickle.integer(1))]), .unsupported, "no state dict", "epoch")
        try expectRefused(pickle: Pickle.dictionary([("w", Self.tensor), ("w", Self.tensor)]), .malformed, "two tensors", "tensor \"w\"")
        try expectRefused(pickle: Pickle.dictionary([("w\0", Self.tensor)]), .malformed, "NUL")
    }

    /// Nesting, repetition and counts exhaust neither the stack nor memory.
    @Test(.timeLimit(.minutes(5))) func bombs() throws {
        let deep = 1_000_000
        try expectRefused(
            pickle: Pickle.whole([UInt8](repeating: UInt8(ascii: "]"), count: deep) + [UInt8](repeating: UInt8(ascii: "a"), count: deep - 1)), .unsupported,
            "a list")
        try expectRefused(pickle: Pickle.whole([UInt8(ascii: "N")] + [UInt8](repeating: 0x85, count: deep)), .unsupported, "a tuple")
        // Each list contains the previous one twice.
        let laughs: [UInt8] = Array("]q\u{0}".utf8) + (0..<100).flatMap { _ in Array("](h\u{0}h\u{0}eq\u{0}".utf8) }
        try expectRefused(pickle: Pickle.whole(laughs), .unsupported, "a list")
        try expectRefused(pickle: [0x80, 2] + [UInt8](repeating: UInt8(ascii: "N"), count: 5_000_000), .limitExceeded, "values")
        try expectRefused(pickle: [0x80, 2] + [UInt8](repeating: UInt8(ascii: "("), count: 5_000_000), .limitExceeded, "values")
        // A tensor of 255 dimensions, rebuilt repeatedly from the same arguments.
        let shape = Pickle.tuple((0..<255).map { _ in Pickle.integer(1) })
        let storage =
            Pickle.tuple([Pickle.text("storage"), Pickle.global("torch", "FloatStorage"), Pickle.text("0"), Pickle.text("cpu"), Pickle.integer(12)])
            + Array("Q".utf8)
        let arguments = Pickle.tuple([storage, Pickle.integer(0), shape, shape, [0x89], [UInt8(ascii: "N")]]) + Array("q\u{1}0".utf8)
        let again = (0..<100_000).flatMap { _ in Array("h\u{0}h\u{1}R0".utf8) }
        try expectRefused(
            pickle: Pickle.whole(Pickle.global("torch._utils", "_rebuild_tensor_v2") + Array("q\u{0}0".utf8) + arguments + again), .limitExceeded, "values")
    }

    @Test func tensorsBeyondTheirStorage() throws {
        func refused(_ tensor: TorchFile.Tensor, _ words: String, _ code: QAMError.Code = .malformed, sourceLocation: SourceLocation = #_sourceLocation) throws
        {
            var file = TorchFile()
            file.tensors = [tensor]
            try expectRefused(file.bytes, code, words, "tensor \"w\"", sourceLocation: sourceLocation)
        }
        try refused(.init(name: "w", shape: [13], strides: [1]), "last element is number 12")
        try refused(.init(name: "w", offset: 1, shape: [3, 4], strides: [4, 1]), "last element")
        try refused(.init(name: "w", shape: [2, 2], strides: [.max, 1]), "overflow")
        try refused(.init(name: "w", shape: [3, 3], strides: [.max, .max]), "overflow")
        try refused(.init(name: "w", shape: [.max, .max], strides: [0, 0]), "overflows")
        try refused(.init(name: "w", offset: .max, shape: [2], strides: [1]), "overflow")
        try refused(.init(name: "w", count: 13, shape: [2], strides: [1]), "48 bytes")
        try refused(.init(name: "w", count: .max, shape: [2], strides: [1]), "48 bytes")
        try refused(.init(name: "w", storage: "1", count: 12, shape: [2], strides: [1]), "not in the archive")
        try refused(.init(name: "w", type: "ComplexDoubleStorage", count: 3, shape: [2], strides: [1]), "complex128", .unsupported)
        try refused(.init(name: "w", shape: [1 << 57], strides: [0]), "2^56", .limitExceeded)
        var file = TorchFile()
        file.tensors = [.init(name: "w", shape: [1 << 30], strides: [0])]
        try expectRefused(file.bytes, .limitExceeded, "repeat parts")
        // A negative count.
        try expectRefused(pickle: Pickle.dictionary([("w", Pickle.tensor(.init(name: "w", shape: [-2], strides: [1]), count: 12))]), .malformed, "not a count")
        try expectRefused(pickle: Pickle.dictionary([("w", Pickle.tensor(.init(name: "w", shape: [2], strides: [1, 1]), count: 12))]), .malformed, "strides")
    }

    @Test func archivesThatAreBroken() throws {
        let pickle = Pickle.dictionary([("w", Self.tensor)]), data = TorchFile.floats(0..<12)
        func archive(_ change: (inout ZipWriter) -> Void, count: UInt16? = nil) -> [UInt8] {
            var zip = ZipWriter()
            zip.add("a/data.pkl", pickle)
            change(&zip)
            return zip.finished(count: count)
        }
        try expectRefused(archive { $0.add("a/data/0", data, method: 8) }, .unsupported, "a/data/0", "compressed")
        try expectRefused(archive { $0.add("a/data/0", data, flags: 1) }, .unsupported, "encrypted")
        try expectRefused(archive { $0.add("a/data/0", data, size: 4000) }, .malformed, "reaches into the directory")
        try expectRefused(archive { $0.add("a/data/0", data, offset: 0) }, .malformed, "another name")
        try expectRefused(
            archive {
                $0.add("a/data/0", data); $0.add("a/data/0", data)
            }, .malformed, "twice")
        let whole = archive { $0.add("a/data/0", data) }
        try expectRefused(
            archive {
                $0.add("a/data/0", data, size: 90); $0.add("a/data/1", data)
            }, .malformed, "overlaps")
        try expectRefused(archive({ $0.add("a/data/0", data) }, count: 3), .malformed, "do not fit")
        try expectRefused(archive({ $0.add("a/data/0", data) }, count: 1), .malformed, "follow the last entry")
        try expectRefused(archive({ $0.add("a/data/0", data) }, count: 60_000), .malformed, "is not within the file")
        try expectRefused(archive({ $0.add("a/data/0", data) }, count: .max), .malformed, "ZIP64")
        try expectRefused(Array(whole.dropLast(30)), .truncated, "cut short")
        try expectRefused(archive { $0.add("b/data.pkl", pickle) }, .malformed, "2 folders")
        var other = ZipWriter()
        other.add("word/document.xml", data)
        try expectRefused(other.finished(), .malformed, "without data.pkl")
    }

    @Test func otherFormsAreNamed() throws {
        var big = TorchFile()
        big.tensors = [.init(name: "w", shape: [12], strides: [1])]
        big.entries = [("byteorder", Array("big".utf8))]
        try expectRefused(big.bytes, .unsupported, "big-endian")
        big.entries = [("byteorder", Array("middle".utf8))]
        try expectRefused(big.bytes, .malformed, "middle")
        big.entries = [("version", Array("11".utf8))]
        try expectRefused(big.bytes, .unsupported, "version 11")
        big.entries = [("constants.pkl", [0]), ("code/x.py", [0])]
        try expectRefused(big.bytes, .unsupported, "TorchScript")
        let legacy: [UInt8] = [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
        try expectRefused(legacy, .malformed, "before version 1.6", "torch.load")
        try expectRefused([0x80, 4, 0x95, 0], .malformed, "pickle", "torch.save")
        var tar = [UInt8](repeating: 0, count: 512)
        tar.replaceSubrange(0..<8, with: Array("sys_info".utf8))
        tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
        try expectRefused(tar, .malformed, "tar archive", "torch.load")
    }

    /// As many tensors as the limit of values allows: comparing each with all others would not end.
    @Test(.timeLimit(.minutes(5))) func manyTensorsAreLinearWork() throws {
        let count = 180_000
        var file = TorchFile(elements: count)
        file.tensors = (0..<count).map { .init(name: "model.layers.\($0).weight", offset: $0, shape: [1, 1], strides: [1, 1]) }
        let folder = try ScratchFolder()
        let path = try folder.write(file.bytes, "x.pt")
        let source = try PyTorchSource(path: path)
        #expect(source.tensors.count == count)
        #expect(try payload(source, 77_777) == [TorchFile.floats(77_777..<77_778)])
    }
}
