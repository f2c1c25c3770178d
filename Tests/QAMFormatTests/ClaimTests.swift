import QAMFormat
import Testing

/// Sizes that a file claims are added with overflow checks, and no work is proportional to a claim that no stored bytes back.
@Suite struct ClaimTests {
    private func raw(_ shape: [Int], _ dtype: DType = .u8) -> TensorDescriptor { TensorDescriptor(name: "t", shape: shape, storage: .raw(dtype)) }

    private func isRefused(_ tensors: [TensorDescriptor]) -> Bool {
        do {
            try TensorTotals.check(tensors)
            return false
        } catch {
            return (error as? QAMError)?.code == .limitExceeded
        }
    }

    @Test func sumsStayInBounds() throws {
        #expect(!isRefused([raw([1 << 56])]))
        #expect(isRefused([raw([1 << 56]), raw([1])]))
        #expect(isRefused([raw([1 << 62])]))
        #expect(isRefused([raw([1 << 62]), raw([1 << 62]), raw([1 << 62])]))
        // A dimension of zero still leaves the number of rows.
        #expect(isRefused([raw([1 << 62, 0])]))
        #expect(isRefused([raw([1 << 55, 0]), raw([0, 1 << 55]), raw([1])]))
        #expect(!isRefused([raw([1 << 56], .f64)]))
        let alias = TensorDescriptor(name: "a", shape: [1 << 55], storage: .alias(of: 0))
        #expect(!isRefused([raw([1 << 55]), alias]))
        #expect(isRefused([raw([1 << 55]), alias, alias]))
        // Few elements in many bytes: streams of an unknown codec.
        let coding = Coding(
            codec: MemorySource.unknownCodec, sourceType: .f32, codebook: nil, seed: nil, parameters: [],
            streams: [.init(role: .symbols, extent: .whole(1 << 58))])
        let coded = TensorDescriptor(name: "c", shape: [1, 1], storage: .coded(coding))
        #expect(!isRefused([coded, coded]))
        #expect(isRefused([coded, coded, coded]))
        let aliasOfCoded = TensorDescriptor(name: "d", shape: [1, 1], storage: .alias(of: 0))
        #expect(isRefused([coded, aliasOfCoded, aliasOfCoded]))
    }

    @Test func compressedContentIsBoundedByWhatIsStored() {
        func isPossible(_ content: Int, _ stored: Int) -> Bool { ZstdFrames.isPossible(contentLength: content, storedLength: stored) }
        #expect(isPossible(0, 0) && !isPossible(0, 9))
        #expect(!isPossible(1, 3) && isPossible(1, 14))
        #expect(isPossible(1 << 20, 46) && !isPossible(1 << 30, 46))
        #expect(!isPossible(.max, 1 << 20))
    }

    /// Even the best possible zstd compression ratio is within the bound.
    @Test func zerosAreWithinTheBound() throws {
        for count in [1, 1000, 131_072, 1 << 20, (9 << 20) + 1] {
            let stored = try ZstdFrames.compressAll([UInt8](repeating: 0, count: count))
            #expect(ZstdFrames.isPossible(contentLength: count, storedLength: stored.count))
        }
    }

    @Test func piecesAreNumberedThrough() {
        var numbering = PieceNumbering()
        #expect(numbering.count == 0)
        for count in [3, 0, 1, 1 << 40] { numbering.append(pieces: count) }
        #expect(numbering.count == 5 + 1 << 40)
        let places = [0, 2, 3, 4, 5, 4 + 1 << 40].map { numbering[$0] }
        #expect(places.map(\.item) == [0, 0, 1, 2, 3, 3])
        #expect(places.map(\.piece) == [0, 2, 0, 0, 0, 1 << 40 - 1])
        #expect(places.map(\.isLast) == [false, true, true, true, false, true])
    }

    /// 2^56 empty rows, or one byte for 2^40 weights, are transferred in as many chunks as their bytes need.
    @Test(.timeLimit(.minutes(5)), arguments: [([1 << 56, 0], 0), ([1 << 56, 1], 0), ([100_000, 1 << 39], 1)])
    func rowsThatNothingBacksAreNoWork(shape: [Int], rowBytes: Int) async throws {
        let folder = try TemporaryFolder()
        let coding = Coding(
            codec: MemorySource.unknownCodec, sourceType: .f32, codebook: nil, seed: nil, parameters: [],
            streams: [.init(role: .symbols, extent: .perRow(rowBytes))])
        let source = MemorySource(tensors: [TensorDescriptor(name: "t", shape: shape, storage: .coded(coding))])
        var chunks = 0
        _ = try await transfer(from: source, to: QAMWriter(path: folder.path + "/t.qamw"), threads: 1) { _ in chunks += 1 }
        #expect(chunks < 100)
        #expect(try QAMReader(path: folder.path + "/t.qamw").tensors == source.tensors)
    }

    /// A journal is in a folder where others may write: lengths that its hashes do not cover are not accepted as records.
    @Test func journalsAreNotBelieved() throws {
        let folder = try TemporaryFolder()
        let output = folder.path + "/out"
        for length in [Int.max, 1 << 62, (1 << 20) + 1, 0] {
            let journal = try ResumeJournal(output: output, paths: [output], lengths: [10], fingerprint: "f", resuming: false)
            try journal.append(.init(extents: [.init(length: 5, hashes: [1])], findings: TensorFindings()))
            try journal.append(.init(extents: [.init(length: length, hashes: [7])], findings: TensorFindings()))
            for file in journal.files { file.discard(keepingPartial: true) }
            journal.discard(keepingPartial: true)
            let again = try ResumeJournal(output: output, paths: [output], lengths: [10], fingerprint: "f", resuming: true)
            #expect(again.records.count == 1, "\(length)")
            for file in again.files { file.discard(keepingPartial: false) }
            again.discard(keepingPartial: false)
        }
    }

    @Test func metadataThatReadersWouldRefuseAreNotWritten() {
        var metadata = Metadata()
        metadata.set("a", .string(String(repeating: "a", count: Limits().metadataBytes)))
        #expect { try ContainerPlan.store(metadata) } throws: { ($0 as? QAMError)?.code == .unsupported }
    }
}
