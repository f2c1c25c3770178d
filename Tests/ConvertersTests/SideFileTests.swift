import Converters
import QAMFormat
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Side files may have any name; none is taken for, replaces or hides a file of the model itself.
@Suite struct SideFileTests {
    private static let hostile = [
        "model.safetensors", "Model.SafeTensors", "model.safetensors.partial", "MODEL.SAFETENSORS.PARTIAL", "model.safetensors.partial.journal",
        "model-00001-of-00002.safetensors", "model.safetensors.index.json", "model.gguf", "model.GGUF.partial", "model-00001-of-00002.gguf", "model.qamw",
        ".model.safetensors.a1b2c3.partial", "model.safe\u{200B}tensors", "model.\u{FEFF}gguf", "model.\u{17F}afetensors", "adapter.safetensors", ".bashrc",
        "\u{200D}.profile", "CONFIG.json",
    ]

    private func model() -> MemorySource {
        var source = MemorySource()
        source.add("w", [4, 4], .f32)
        source.files = (["config.json", "note.txt"] + Self.hostile).map { MemoryFile(name: $0, bytes: Array("embedded".utf8)) }
        return source
    }

    @Test func theModelKeepsItsNamesInSafetensors() async throws {
        let folder = try ScratchFolder()
        let out = folder.path("out"), source = model()
        let sink = SafetensorsSink(output: .folder(out))
        let report = try await transfer(from: source, to: sink, threads: 1)
        #expect(try folder.names(in: out) == ["config.json", "model.safetensors", "note.txt"])
        #expect(try SafetensorsSource(path: Path.join(out, "model.safetensors")).tensors == source.tensors)
        for name in Self.hostile { #expect(sink.warnings.contains { $0.contains("\"\(name)\"") }, "\(name)") }
        #expect(sink.warnings.count == Self.hostile.count)
        #expect(report.bytes == (try SafetensorsSink.plannedByteCount(of: source, to: .folder(out))))
    }

    @Test func theModelKeepsItsNamesInGGUF() async throws {
        let folder = try ScratchFolder()
        let out = folder.path("out"), source = model()
        let sink = GGUFSink(output: .folder(out))
        let report = try await transfer(from: source, to: sink, threads: 1)
        #expect(try folder.names(in: out) == ["config.json", "model.gguf", "note.txt"])
        #expect(sink.warnings.count { $0.contains("is not written beside the model") } == Self.hostile.count)
        #expect(report.bytes == (try GGUFSink.plannedByteCount(of: source, to: .folder(out))))
    }

    @Test func dotfilesAreWrittenOnRequestAndTemporaryNamesNever() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("w", [4], .f32)
        source.files = [".gitattributes", ".x.partial", ".y.partial.journal"].map { MemoryFile(name: $0, bytes: [1]) }
        _ = try await transfer(from: source, to: SafetensorsSink(output: .folder(folder.path("without"))), threads: 1)
        #expect(try folder.names(in: folder.path("without")) == ["model.safetensors"])
        let sink = SafetensorsSink(output: .folder(folder.path("with")), dotfiles: true)
        _ = try await transfer(from: source, to: sink, threads: 1)
        #expect(try folder.names(in: folder.path("with")) == [".gitattributes", "model.safetensors"])
        #expect(sink.warnings.count == 2)
    }

    /// On a file system that folds case or normalises accents, both names refer to one file.
    @Test func namesThatAreOneOnSomeFileSystemAreWrittenOnce() {
        for (first, second) in [("a.txt", "A.TXT"), ("stra\u{DF}e.txt", "STRASSE.txt"), ("\u{E9}.txt", "e\u{301}.txt"), ("a.txt", "a\u{200C}.txt")] {
            let places = SideFilePlaces([first, second].map { MemoryFile(name: $0, bytes: []) }, dotfiles: false)
            #expect(places.files.map(\.name) == [first])
            #expect(places.warnings.count == 1)
        }
    }

    // MARK: Folders

    @Test func foldersOfModulesAndTemplatesComeAlong() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("w", [4, 4], .f32)
        _ = try await transfer(from: source, to: SafetensorsSink(output: .file(folder.path("model.safetensors"))), threads: 1)
        for name in ["1_Pooling", "2_Dense", "additional_chat_templates", "onnx"] { _ = try folder.folder(name) }
        let taken = ["1_Pooling/config.json", "2_Dense/config.json", "additional_chat_templates/tool_use.jinja", "modules.json"]
        for name in taken + ["2_Dense/model.safetensors", "1_Pooling/.hidden", "onnx/config.json"] { try folder.write(name, name) }
        let model = try HuggingFaceFolder(path: folder.path)
        #expect(model.files.map(\.name) == taken)
        #expect(model.warnings == ["not taken along from \(folder.path): 2_Dense/model.safetensors, onnx"])

        // Through a .qamw file and its packed form into a folder, twice.
        let file = folder.path("m.qamw")
        _ = try await transfer(from: model, to: QAMWriter(path: file), threads: 1)
        let reader = try QAMReader(path: file)
        #expect(try await reader.verify(threads: 1).problems.isEmpty && reader.files.map(\.name) == taken)
        for (name, sink) in [("a", SafetensorsSink(output: .folder(folder.path("a"))) as any TensorSink), ("b", GGUFSink(output: .folder(folder.path("b"))))] {
            _ = try await transfer(from: reader, to: sink, threads: 1)
            #expect(try folder.names(in: folder.path("\(name)/1_Pooling")) == ["config.json"])
            for file in taken { #expect(try contents(folder.path("\(name)/\(file)")) == Array(file.utf8)) }
        }
        #expect(try HuggingFaceFolder(path: folder.path("a")).files.map(\.name) == taken)
        #expect(try GGUFModel(path: folder.path("b")).files.map(\.name) == taken)
    }

    /// Names are data: none leads outside the folder, not even through a symbolic link in it.
    @Test func noNameLeadsElsewhere() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("w", [4], .f32)
        let names = ["../up.txt", "/absolute.txt", "a//b.txt", "a/../c.txt", "./d.txt", "a/", "a\\b.txt", "x/model.safetensors/y.txt", "x/.git/config.json"]
        source.files = names.map { MemoryFile(name: $0, bytes: [1]) }
        let sink = SafetensorsSink(output: .folder(folder.path("out")))
        _ = try await transfer(from: source, to: sink, threads: 1)
        #expect(try folder.names() == ["out"] && folder.names(in: folder.path("out")) == ["model.safetensors"])
        #expect(sink.warnings.count == names.count)

        source.files = [MemoryFile(name: "link/f.txt", bytes: [1]), MemoryFile(name: "made/f.txt", bytes: [1])]
        let target = try folder.folder("target"), out = try folder.folder("linked")
        #expect(unsafe symlink(target, out + "/link") == 0)
        let error = await #expect(throws: QAMError.self) { try await transfer(from: source, to: SafetensorsSink(output: .folder(out)), threads: 1) }
        #expect(error?.code == .cannotCreate && error?.place.file == out + "/link")
        #expect(try folder.names(in: target).isEmpty && folder.names(in: out) == ["link"])
    }

    /// A folder and a file with the same name cannot both be written.
    @Test func filesAndFoldersOfOneName() {
        for (names, written) in [
            (["a", "a/b"], ["a"]), (["a/b", "A"], ["a/b"]), (["a/b/c", "a/B"], ["a/b/c"]), (["a/b", "a/c", "A/d"], ["a/b", "a/c", "A/d"]),
        ] {
            let places = SideFilePlaces(names.map { MemoryFile(name: $0, bytes: []) }, dotfiles: false)
            #expect(places.files.map(\.name) == written && places.warnings.count == names.count - written.count)
        }
    }

    @Test func foldersAreRemovedWithWhatFails() async throws {
        struct Broken: EmbeddedFile {
            let name = "late/x.txt"
            let byteCount = 4
            func read(_ range: Range<Int>) throws -> [UInt8] { throw QAMError(.io, "broken") }
        }
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("w", [4], .f32)
        source.files = [MemoryFile(name: "early/a.txt", bytes: [1]), Broken()]
        await #expect(throws: QAMError.self) { try await transfer(from: source, to: SafetensorsSink(output: .folder(folder.path("out"))), threads: 1) }
        #expect(try folder.names(in: folder.path("out")).isEmpty)
    }
}
