import Converters
import QAMFormat
import Testing

/// Files that travel with a model may be called anything; none becomes, replaces or hides a file of the model itself.
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

    /// A file system that folds case, or composes accents, has one file for both.
    @Test func namesThatAreOneOnSomeFileSystemAreWrittenOnce() {
        for (first, second) in [("a.txt", "A.TXT"), ("stra\u{DF}e.txt", "STRASSE.txt"), ("\u{E9}.txt", "e\u{301}.txt"), ("a.txt", "a\u{200C}.txt")] {
            let places = SideFilePlaces([first, second].map { MemoryFile(name: $0, bytes: []) }, dotfiles: false)
            #expect(places.files.map(\.name) == [first])
            #expect(places.warnings.count == 1)
        }
    }
}
