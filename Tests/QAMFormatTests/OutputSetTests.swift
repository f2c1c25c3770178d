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

/// Temporary files are created exclusively, an existing file is never taken for one, and outputs appear together or not at all.
@Suite struct OutputSetTests {
    private func make(_ path: String, _ text: String) throws {
        try SystemCalls.remove(path)
        let descriptor = try #require(try SystemCalls.create(path))
        defer { SystemCalls.closeDescriptor(descriptor) }
        let bytes = Array(text.utf8)
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: 0, $0, path: path) }
    }

    private func text(_ path: String) throws -> String { String(decoding: try contents(of: path), as: UTF8.self) }

    /// Fails a range of the calls of one kind.
    private final class Failing: FaultInjector {
        private let call: SystemCalls.Call
        private let code: CInt
        private let numbers: ClosedRange<Int>
        private let count = Mutex(0)

        init(_ call: SystemCalls.Call, _ code: CInt, _ numbers: ClosedRange<Int>) {
            self.call = call
            self.code = code
            self.numbers = numbers
        }

        func failure(of call: SystemCalls.Call) -> CInt? {
            guard call == self.call else { return nil }
            return count.withLock { count in
                count += 1
                return numbers.contains(count) ? code : nil
            }
        }
    }

    @Test(arguments: ["m.partial", "m.partial.journal"])
    func whatHasTheNameOfATemporaryFileIsNotTouched(_ name: String) async throws {
        let folder = try TemporaryFolder()
        let obstacle = folder.file(name)
        for resuming in [false, true] {
            try make(folder.file("precious"), "precious")
            try make(obstacle, "mine")
            await #expect { try await write(MemorySource.complete(), to: folder.file("m"), resuming: resuming) } throws: {
                ($0 as? QAMError)?.code == .cannotCreate
            }
            #expect(try text(obstacle) == "mine")
            try SystemCalls.remove(obstacle)

            #expect(unsafe symlink(folder.file("precious"), obstacle) == 0)
            await #expect(throws: QAMError.self) { try await write(MemorySource.complete(), to: folder.file("m"), resuming: resuming) }
            try SystemCalls.remove(obstacle)

            #expect(try SystemCalls.link(folder.file("precious"), to: obstacle))
            await #expect(throws: QAMError.self) { try await write(MemorySource.complete(), to: folder.file("m"), resuming: resuming) }
            try SystemCalls.remove(obstacle)
            #expect(try text(folder.file("precious")) == "precious")
            #expect(folder.names == ["precious"], "resuming \(resuming)")
        }
    }

    @Test func aPartialFileIsTakenOnlyIfItsJournalNamesIt() async throws {
        struct Stop: Error {}
        let folder = try TemporaryFolder()
        await #expect(throws: Stop.self) {
            try await write(MemorySource.complete(), to: folder.file("m"), resuming: true, keepingPartial: true) { _ in throw Stop() }
        }
        #expect(folder.names == ["m.partial", "m.partial.journal"])
        // Another file under the name; the file that the journal means still has its inode.
        try SystemCalls.rename(folder.file("m.partial"), to: folder.file("away"))
        try make(folder.file("m.partial"), "mine")
        for resuming in [true, false] {
            await #expect { try await write(MemorySource.complete(), to: folder.file("m"), resuming: resuming) } throws: {
                ($0 as? QAMError)?.code == .cannotCreate
            }
            #expect(try text(folder.file("m.partial")) == "mine")
        }
    }

    /// File systems reuse inodes: the length distinguishes the two files.
    @Test func anInodeAloneClaimsNoFile() async throws {
        struct Stop: Error {}
        let folder = try TemporaryFolder()
        for resuming in [false, true] {
            await #expect(throws: Stop.self) {
                try await write(MemorySource.complete(), to: folder.file("m"), resuming: true, keepingPartial: true) { _ in throw Stop() }
            }
            let partial = folder.file("m.partial")
            let descriptor = try SystemCalls.openWriting(partial)
            try SystemCalls.truncate(descriptor, to: 5, path: partial)
            SystemCalls.closeDescriptor(descriptor)
            let theirs = try contents(of: partial)
            await #expect { try await write(MemorySource.complete(), to: folder.file("m"), resuming: resuming) } throws: {
                ($0 as? QAMError)?.code == .cannotCreate
            }
            #expect(try contents(of: partial) == theirs)
            for name in folder.names { try SystemCalls.remove(folder.file(name)) }
        }
    }

    @Test func anEmptyPartialFileThatIsLockedIsNotTaken() async throws {
        let folder = try TemporaryFolder()
        let partial = folder.file("m.partial")
        let descriptor = try #require(try SystemCalls.create(partial))
        #expect(try SystemCalls.lock(descriptor, path: partial))
        await #expect { try await write(MemorySource.complete(), to: folder.file("m")) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
        #expect(folder.names == ["m.partial"])
        SystemCalls.closeDescriptor(descriptor)
        try await write(MemorySource.complete(), to: folder.file("m"))
        #expect(folder.names == ["m"])
    }

    @Test func aFileThatTookTheTemporaryNameIsNotPutInPlace() throws {
        let folder = try TemporaryFolder()
        let set = try OutputSet(inputs: [], replacing: false)
        try set.add(folder.file("m"), bytes: [1])
        let temporary = try #require(folder.names.first)
        try make(folder.file(temporary), "theirs")
        #expect { try set.commit([folder.file("m")]) } throws: { ($0 as? QAMError)?.code == .io }
        set.discard(keepingPartial: false)
        #expect(folder.names == [temporary])
        #expect(try text(folder.file(temporary)) == "theirs")
    }

    @Test func whatALinkLeadsToIsReplaced() async throws {
        let folder = try TemporaryFolder()
        try make(folder.file("target"), "old")
        #expect(unsafe symlink("target", folder.file("m")) == 0)
        try await write(MemorySource.complete(), to: folder.file("m"), replacing: true)
        #expect(folder.names == ["m", "target"])
        #expect(try FileStatus(link: folder.file("m"))?.kind == .other)
        #expect(try QAMReader(path: folder.file("target")).tensors == MemorySource.complete().tensors)
        #expect(unsafe symlink("nowhere", folder.file("n")) == 0)
        await #expect { try await write(MemorySource.complete(), to: folder.file("n"), replacing: true) } throws: {
            ($0 as? QAMError)?.message.contains("dangling") == true
        }
    }

    @Test func namesMayBeAsLongAsTheFileSystemTakes() throws {
        let folder = try TemporaryFolder()
        let name = String(repeating: "n", count: 255)
        let set = try OutputSet(inputs: [], replacing: false)
        try set.add(folder.file(name), bytes: [1])
        try set.commit([folder.file(name)])
        #expect(folder.names == [name])
    }

    @Test func whatAnInterruptedRunLeftIsReplacedWithoutResuming() async throws {
        struct Stop: Error {}
        let folder = try TemporaryFolder()
        await #expect(throws: Stop.self) {
            try await write(MemorySource.complete(), to: folder.file("m"), keepingPartial: true) { _ in throw Stop() }
        }
        try await write(MemorySource.complete(), to: folder.file("m"))
        #expect(folder.names == ["m"])
    }

    @Test func aFileSystemWithoutLocksIsWrittenTo() async throws {
        let folder = try TemporaryFolder()
        try await SystemCalls.$faults.withValue(Failing(.lock, ENOLCK, 1...Int.max)) {
            try await write(MemorySource.complete(), to: folder.file("m"))
            #expect(folder.names == ["m"])
            // Without locks, a killed run cannot be distinguished from one that is still running.
            let first = QAMWriter(path: folder.file("n"))
            _ = try first.begin(MemorySource.complete())
            await #expect { try await write(MemorySource.complete(), to: folder.file("n")) } throws: {
                ($0 as? QAMError)?.message.contains("no locks") == true
            }
            first.discard(keepingPartial: false)
        }
        #expect(folder.names == ["m"])
    }

    @Test func aReplacedFileKeepsItsMode() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        try await write(MemorySource.complete(), to: path)
        #expect(unsafe chmod(path, 0o640) == 0)
        try await write(MemorySource.complete(), to: path, replacing: true)
        #expect(try #require(try FileStatus(path)).permissions.mode == 0o640)
    }

    @Test func anInputIsNoOutputByAnyName() async throws {
        let folder = try TemporaryFolder()
        for name in ["m", "m.partial", "m.partial.journal"] {
            try make(folder.file(name), "input")
            let set = try OutputSet(inputs: [folder.file(name)], replacing: true)
            #expect { try set.check(folder.file("m")) } throws: { ($0 as? QAMError)?.message.contains("is an input") == true }
            try SystemCalls.remove(folder.file(name))
        }
    }

    /// A failure of any rename, link or removal leaves either all old files or all new ones.
    @Test(arguments: [SystemCalls.Call.rename, .link, .remove, .sync, .status, .open])
    func filesAppearTogether(_ call: SystemCalls.Call) throws {
        let names = ["a", "b", "index"]
        for replacing in [false, true] {
            for number in 1...60 {
                let folder = try TemporaryFolder()
                if replacing { for name in names { try make(folder.file(name), "old") } }
                let failed = try SystemCalls.$faults.withValue(Failing(call, EIO, number...number)) { () throws -> QAMError? in
                    do {
                        let set = try OutputSet(inputs: [], replacing: replacing)
                        do {
                            for name in names { try set.add(folder.file(name), bytes: Array("new".utf8)) }
                            try set.commit(names.map(folder.file))
                        } catch {
                            set.discard(keepingPartial: false)
                            throw error
                        }
                        return nil
                    } catch let error as QAMError { return error }
                }
                let found = try folder.names.filter(names.contains).map { try text(folder.file($0)) }
                if let failed {
                    #expect(found == (failed.message.contains("in place") ? ["new", "new", "new"] : replacing ? ["old", "old", "old"] : []), "\(number)")
                } else {
                    #expect(found == ["new", "new", "new"])
                }
                if call != .remove { #expect(folder.names == (found.isEmpty ? [] : names), "\(number)") }
                if failed == nil, number > 1 { break }
            }
        }
    }

    @Test func nothingIsReplacedThatAppearedInTheMeantime() throws {
        let folder = try TemporaryFolder()
        for hasLinks in [true, false] {
            let set = try OutputSet(inputs: [], replacing: false)
            try set.add(folder.file("m"), bytes: [1])
            try make(folder.file("m"), "theirs")
            let fault = hasLinks ? nil : Failing(.link, EPERM, 1...Int.max)
            SystemCalls.$faults.withValue(fault) {
                #expect { try set.commit([folder.file("m")]) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
            }
            set.discard(keepingPartial: false)
            #expect(try text(folder.file("m")) == "theirs")
            #expect(folder.names == ["m"])
            try SystemCalls.remove(folder.file("m"))
        }
    }

    @Test func aProcessThatEndsAtOnceRemovesItsTemporaryFiles() throws {
        let folder = try TemporaryFolder()
        let set = try OutputSet(inputs: [], replacing: false)
        try set.add(folder.file("m"), bytes: [1])
        #expect(folder.names.count == 1)
        // Only this test's files: other tests run concurrently.
        TemporaryFiles.removeAll { $0.hasPrefix(folder.path) }
        #expect(folder.names.isEmpty)
        set.discard(keepingPartial: false)
    }
}

/// Changes of a file's head in place.
@Suite struct EditedFileTests {
    @Test func aChangeWithinABlockIsMadeInPlace() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        let old = (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let descriptor = try #require(try SystemCalls.create(path))
        try unsafe old.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: 0, $0, path: path) }
        SystemCalls.closeDescriptor(descriptor)
        func changed(_ indices: Int...) -> [UInt8] {
            var head = Array(old.prefix(1500))
            for index in indices { head[index] ^= 0xFF }
            return head
        }
        let file = try EditedFile(path: path)
        #expect(try !file.replaceHead(with: changed(511, 512)), "two blocks")
        #expect(try !file.replaceHead(with: [UInt8](repeating: 0, count: 2001)), "longer than the file")
        #expect(try contents(of: path) == old)
        #expect(try file.replaceHead(with: changed(512, 1023)))
        #expect(try contents(of: path) == changed(512, 1023) + old.dropFirst(1500))
        #expect(#expect(throws: QAMError.self) { try EditedFile(path: path) }?.code == .cannotCreate, "it is locked")
    }

    @Test func aFileThatLosesItsNameIsNotChangedSilently() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        for name in ["m", "other"] { SystemCalls.closeDescriptor(try #require(try SystemCalls.create(folder.file(name)))) }
        let descriptor = try SystemCalls.openWriting(path)
        try SystemCalls.truncate(descriptor, to: 100, path: path)
        SystemCalls.closeDescriptor(descriptor)
        let file = try EditedFile(path: path)
        try SystemCalls.rename(folder.file("other"), to: path)
        #expect(throws: QAMError.self) { try file.replaceHead(with: [1]) }
    }
}
