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

@Suite struct WriterTests {
    private struct Stop: Error {}

    /// Lets a number of calls of one kind succeed and fails the next.
    private final class FailingCall: FaultInjector {
        private let call: SystemCalls.Call
        private let code: CInt
        private let left: Mutex<Int>

        init(_ call: SystemCalls.Call, after count: Int, code: CInt) {
            self.call = call
            self.code = code
            left = Mutex(count)
        }

        func failure(of call: SystemCalls.Call) -> CInt? {
            guard call == self.call else { return nil }
            return left.withLock { left in
                left -= 1
                return left < 0 ? code : nil
            }
        }
    }

    @Test func anErrorLeavesNothing() async throws {
        let folder = try TemporaryFolder()
        for (call, code) in [(SystemCalls.Call.write, ENOSPC), (.write, EIO), (.sync, EIO), (.link, EIO), (.open, EMFILE), (.allocate, EIO)] {
            for count in 0..<20 {
                let fault = FailingCall(call, after: count, code: code)
                let result = await SystemCalls.$faults.withValue(fault) {
                    try? await write(MemorySource.complete(), to: folder.file("m"), replacing: true)
                }
                if result != nil {
                    #expect(count > 0, "\(call) was never called, or its failure is tolerated")
                    try SystemCalls.remove(folder.file("m"))
                    break
                }
                // If the folder cannot be synced after the rename, the file is complete.
                if folder.names == ["m"] { #expect(try await QAMReader(path: folder.file("m")).verify(threads: 1).problems.isEmpty) }
                try SystemCalls.remove(folder.file("m"))
                #expect(folder.names.isEmpty, "\(call) failing after \(count)")
            }
        }
    }

    @Test func fullDiskIsAnOutputError() async throws {
        let folder = try TemporaryFolder()
        let fault = FailingCall(.write, after: 3, code: ENOSPC)
        let error = await #expect(throws: QAMError.self) {
            try await SystemCalls.$faults.withValue(fault) { try await write(MemorySource.complete(), to: folder.file("m")) }
        }
        #expect(error?.code == .cannotCreate)
    }

    @Test func anExistingFileIsKeptUnlessReplaced() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        try await write(MemorySource(tensors: []), to: path)
        let before = try contents(of: path)
        let error = await #expect(throws: QAMError.self) { try await write(MemorySource.complete(), to: path) }
        #expect(error?.code == .cannotCreate)
        #expect(try contents(of: path) == before)
        await #expect(throws: Stop.self) {
            try await write(MemorySource.complete(), to: path, replacing: true) { _ in throw Stop() }
        }
        #expect(try contents(of: path) == before)
        let live = try QAMReader(path: path)
        try await write(MemorySource.complete(), to: path, replacing: true)
        #expect(try contents(of: path) != before)
        // A reader that has the old file open still sees all of it.
        #expect(try await live.verify(threads: 1).problems.isEmpty)
        #expect(folder.names == ["m"])
    }

    @Test(arguments: [false, true])
    func anInterruptedRunIsResumed(compressesRaw: Bool) async throws {
        let folder = try TemporaryFolder()
        var options = ContainerOptions()
        options.compressesRaw = compressesRaw
        let source = MemorySource.complete(bigRows: 50_000)
        let undisturbed = folder.file("undisturbed")
        let report = try await write(source, to: undisturbed, options: options)
        let expected = try contents(of: undisturbed)
        for stopAt in 0..<12 {
            let path = folder.file("m")
            var calls = 0
            do {
                try await write(source, to: path, options: options, resuming: true, keepingPartial: true) { _ in
                    calls += 1
                    if calls > stopAt { throw Stop() }
                }
            } catch is Stop {
                #expect(try FileStatus(path) == nil)
            }
            var resumedFrom = ""
            if try FileStatus(path) == nil {
                let resumed = try await write(source, to: path, options: options, resuming: true) { progress in
                    if resumedFrom.isEmpty { resumedFrom = progress.tensor }
                }
                #expect(resumed.distortion == report.distortion)
                if stopAt >= 8 { #expect(resumedFrom != "embed.weight") }
            }
            #expect(try contents(of: path) == expected, "stopped at \(stopAt)")
            try SystemCalls.remove(path)
            #expect(folder.names == ["undisturbed"])
        }
    }

    @Test func aDamagedPartialFileIsRedone() async throws {
        let folder = try TemporaryFolder()
        let source = MemorySource.complete(bigRows: 50_000)
        try await write(source, to: folder.file("good"))
        let path = folder.file("m")
        var calls = 0
        await #expect(throws: Stop.self) {
            try await write(source, to: path, keepingPartial: true) { _ in
                calls += 1
                if calls > 8 { throw Stop() }
            }
        }
        let partial = path + ".partial"
        let descriptor = try SystemCalls.openWriting(partial)
        let noise = [UInt8](repeating: 0xEE, count: 100_000)
        try unsafe noise.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: 20_000, $0, path: partial) }
        SystemCalls.closeDescriptor(descriptor)
        try await write(source, to: path, resuming: true)
        // The noise also hit the padding, and is still removed.
        #expect(try contents(of: path) == contents(of: folder.file("good")))
    }

    @Test func aChangedInputIsNotResumed() async throws {
        let folder = try TemporaryFolder()
        var source = MemorySource.complete()
        await #expect(throws: Stop.self) {
            try await write(source, to: folder.file("m"), keepingPartial: true) { _ in throw Stop() }
        }
        source.fingerprint = "another"
        let error = await #expect(throws: QAMError.self) { try await write(source, to: folder.file("m"), resuming: true) }
        #expect(error?.code == .cannotCreate)
        #expect(folder.names == ["m.partial", "m.partial.journal"], "what was done is kept")
        source = .complete()
        source.shared.codebooks[0].bytes[0] ^= 1
        await #expect(throws: QAMError.self, "other codebooks") { try await write(source, to: folder.file("m"), resuming: true) }
        try await write(source, to: folder.file("m"))
        #expect(folder.names == ["m"])
    }

    @Test func twoWritersDoNotMix() async throws {
        let folder = try TemporaryFolder()
        let first = QAMWriter(path: folder.file("m"))
        _ = try first.begin(MemorySource.complete())
        let error = await #expect(throws: QAMError.self) { try await write(MemorySource.complete(), to: folder.file("m")) }
        #expect(error?.code == .cannotCreate)
        #expect(folder.names == ["m.partial", "m.partial.journal"], "the first writer's work is untouched")
        first.discard(keepingPartial: false)
        #expect(folder.names.isEmpty)
    }

    @Test func metadataAreEdited() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        let source = MemorySource.complete()
        try await write(source, to: path)
        #expect(try await MetadataEditor.edit(path) { $0.set("note", .string("edited")) } == .inPlace)
        let reader = try QAMReader(path: path)
        #expect(reader.metadata["note"] == .string("edited"))
        #expect(try await reader.verify(threads: 1).problems.isEmpty)
        let noise = MetadataValue.array(.uint64((0..<2000).map { _ in .random(in: 0 ... .max) }))
        #expect(try await MetadataEditor.edit(path) { $0.set("noise", noise) } == .rewritten)
        #expect(try QAMReader(path: path).metadata["noise"] == noise)
        try await MetadataEditor.edit(path) { metadata in
            metadata.remove("note")
            metadata.remove("noise")
        }
        #expect(try QAMReader(path: path).metadata == source.metadata)
        #expect(try payload(QAMReader(path: path), 0) == payload(source, 0))
        #expect(folder.names == ["m"])
    }
}
