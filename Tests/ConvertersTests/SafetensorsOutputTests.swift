import Converters
import QAMFormat
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Outputs appear complete or not at all, never replace an input, and resume where an interrupted run stopped.
@Suite struct SafetensorsOutputTests {
    private struct Stop: Error {}

    private func model() -> MemorySource {
        var source = MemorySource()
        for index in 0..<6 { source.add("t\(index)", [300, 1000], index % 2 == 0 ? .f32 : .bf16) }
        source.add("empty", [0], .f32)
        source.addAlias("tied", of: 5)
        source.add("last", [1 << 20], .u8)
        source.files = [MemoryFile(name: "config.json", bytes: Array("{}".utf8))]
        return source
    }

    private func interrupt(_ source: any TensorSource, _ destination: SafetensorsDestination, at tensor: String, resuming: Bool = false) async throws {
        let sink = SafetensorsSink(output: destination, maxShardSize: 3 << 20, resuming: resuming)
        await #expect(throws: Stop.self) {
            try await transfer(from: source, to: sink, threads: 2, keepingPartial: true) { if $0.tensor == tensor { throw Stop() } }
        }
    }

    @Test func resumedRunGivesTheSameBytes() async throws {
        let folder = try ScratchFolder()
        let source = CountingSource(model())
        _ = try await transfer(from: source, to: SafetensorsSink(output: .folder(folder.path("whole")), maxShardSize: 3 << 20), threads: 2)
        let all = source.reads

        let out = folder.path("out")
        try await interrupt(source, .folder(out), at: "t3")
        #expect(try folder.names(in: out).allSatisfy { $0.hasSuffix(".partial") || $0.hasSuffix(".journal") })
        try await interrupt(source, .folder(out), at: "last", resuming: true)
        // A tensor whose bytes differ from the journal is rewritten, and so are those after it.
        try overwrite(out + "/model-00001-of-00003.safetensors.partial", at: 5000, 0xA5)
        source.reset()
        let sink = SafetensorsSink(output: .folder(out), maxShardSize: 3 << 20, resuming: true)
        _ = try await transfer(from: source, to: sink, threads: 2, keepingPartial: true)
        #expect(try folder.names(in: out) == folder.names(in: folder.path("whole")))
        for name in try folder.names(in: out) { #expect(try contents(out + "/" + name) == contents(folder.path("whole") + "/" + name), "\(name)") }
        #expect(source.reads == all)

        try await interrupt(source, .folder(folder.path("third")), at: "last")
        source.reset()
        let third = SafetensorsSink(output: .folder(folder.path("third")), maxShardSize: 3 << 20, resuming: true)
        _ = try await transfer(from: source, to: third, threads: 2)
        #expect(source.reads == 1)
        #expect(try contents(third.outputs[2]) == contents(folder.path("whole") + "/" + Path.name(of: third.outputs[2])))
    }

    @Test(arguments: [nil, Distortion(error: 1, energy: 2), Distortion(error: 1, energy: 2, divergence: 0.5)])
    func findingsSurviveTheInterruption(distortion: Distortion?) async throws {
        let folder = try ScratchFolder()
        let source = model()
        let first = SafetensorsSink(output: .file(folder.path("m")))
        #expect(try first.begin(source).isEmpty)
        try first.write(try source.read(0..<source.tensors[0].byteCount, of: 0), units: 0..<source.tensors[0].byteCount, of: 0)
        let findings = TensorFindings(distortion: distortion, overflows: 3)
        try first.endTensor(0, findings: findings)
        first.discard(keepingPartial: true)
        let second = SafetensorsSink(output: .file(folder.path("m")), resuming: true)
        #expect(try second.begin(source) == [findings])
        second.discard(keepingPartial: false)
        #expect(try folder.names().isEmpty)
    }

    @Test func anotherInputIsNotResumed() async throws {
        let folder = try ScratchFolder()
        var source = model()
        try await interrupt(source, .folder(folder.path("out")), at: "t3")
        source.fingerprint = "another"
        let sink = SafetensorsSink(output: .folder(folder.path("out")), maxShardSize: 3 << 20, resuming: true)
        await #expect { try await transfer(from: source, to: sink, threads: 1, keepingPartial: true) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
    }

    @Test(arguments: [
        (SystemCalls.Call.write, ENOSPC, 3), (.write, EIO, 1), (.sync, EIO, 1), (.sync, EIO, 4), (.link, EIO, 1), (.link, EIO, 3), (.link, EIO, 5),
        (.remove, EIO, 1), (.open, EACCES, 1), (.open, EMFILE, 3),
    ])
    func failureLeavesNothing(_ call: SystemCalls.Call, _ code: CInt, _ nth: Int) async throws {
        let folder = try ScratchFolder()
        let out = try folder.folder("out")
        await SystemCalls.$faults.withValue(FailingCall(call, code, nth: nth)) {
            let sink = SafetensorsSink(output: .folder(out), maxShardSize: 3 << 20)
            await #expect { try await transfer(from: model(), to: sink, threads: 1) } throws: { error in
                (error as? QAMError)?.code == ([ENOSPC, EACCES].contains(code) ? .cannotCreate : .io)
            }
        }
        #expect(try folder.names(in: out).isEmpty)
    }

    @Test func failureKeepsTheOldOutput() async throws {
        let folder = try ScratchFolder()
        let path = try folder.write("old", "m.safetensors")
        for call in [SystemCalls.Call.write, .sync, .rename] {
            await SystemCalls.$faults.withValue(FailingCall(call, EIO)) {
                let sink = SafetensorsSink(output: .file(path), replacing: true)
                await #expect(throws: QAMError.self) { try await transfer(from: model(), to: sink, threads: 1) }
            }
            #expect(try contents(path) == Array("old".utf8))
        }
        #expect(try folder.names() == ["m.safetensors"])
    }

    @Test func nothingIsReplacedUnasked() async throws {
        let folder = try ScratchFolder()
        let out = try folder.folder("out")
        for name in ["config.json", "model-00002-of-00003.safetensors", "model.safetensors.index.json", "model.safetensors"] {
            let path = try folder.write("mine", "out/\(name)")
            let sink = SafetensorsSink(output: .folder(out), maxShardSize: 3 << 20)
            await #expect { try await transfer(from: model(), to: sink, threads: 1) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
            #expect(try folder.names(in: out) == [name])
            try SystemCalls.remove(path)
        }
    }

    @Test func staleFilesOfAnotherModelAreNamed() async throws {
        let folder = try ScratchFolder()
        let out = try folder.folder("out")
        try folder.write("old", "out/model-00001-of-00009.safetensors")
        try folder.write("old", "out/model.safetensors.index.json")
        let sink = SafetensorsSink(output: .folder(out))
        _ = try await transfer(from: model(), to: sink, threads: 1)
        #expect(sink.warnings.count == 1)
        #expect(sink.warnings[0].contains("model-00001-of-00009.safetensors") && sink.warnings[0].contains("index"))
    }

    @Test func anInputIsNeverReplaced() async throws {
        let folder = try ScratchFolder()
        let path = folder.path("m.safetensors")
        _ = try await transfer(from: model(), to: SafetensorsSink(output: .file(path)), threads: 1)
        let before = try contents(path)
        #expect(unsafe link(path, folder.path("other")) == 0)
        #expect(unsafe symlink(path, folder.path("third.partial")) == 0)
        let source = try SafetensorsSource(path: path)
        for output in [path, folder.path("other"), folder.path("third")] {
            let sink = SafetensorsSink(output: .file(output), replacing: true)
            await #expect { try await transfer(from: source, to: sink, threads: 1) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
        }
        #expect(try contents(path) == before)
    }

    @Test func twoRunsDoNotWriteOneOutput() throws {
        let folder = try ScratchFolder()
        let first = SafetensorsSink(output: .file(folder.path("m")))
        _ = try first.begin(model())
        let second = SafetensorsSink(output: .file(folder.path("m")))
        #expect { try second.begin(model()) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
        first.discard(keepingPartial: false)
        #expect(try folder.names().isEmpty)
    }

    @Test func unfinishedOutputsDoNotAppear() throws {
        let folder = try ScratchFolder()
        let sink = SafetensorsSink(output: .file(folder.path("m")))
        #expect(throws: QAMError.self) { try sink.finish() }
        _ = try sink.begin(model())
        #expect(throws: QAMError.self) { try sink.finish() }
        sink.discard(keepingPartial: false)
        #expect(try folder.names().isEmpty)
    }
}

/// Counts reads of the payload.
private final class CountingSource: TensorSource {
    private let base: MemorySource
    private let count = Mutex(0)

    init(_ base: MemorySource) { self.base = base }

    var reads: Int { count.withLock { $0 } }
    func reset() { count.withLock { $0 = 0 } }

    var metadata: Metadata { base.metadata }
    var tensors: [TensorDescriptor] { base.tensors }
    var files: [any EmbeddedFile] { base.files }
    var inputs: [String] { [] }
    var fingerprint: String { base.fingerprint }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        count.withLock { $0 += 1 }
        return try base.read(units, of: tensor)
    }
}
