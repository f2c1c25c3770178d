import Quantization
import Architectures
import Converters
import Inference
import QAMFormat
import Testing

/// The forward pass, compared with a float64 reference, and with itself for every storage of the weights and every division of a text.
@Suite struct LogitsTests {
    @Test(arguments: Fixture.all)
    func theyAreThoseOfAPlainForwardPass(fixture: Fixture) throws {
        let found = try fixture.model.logits(fixture.tokens), wanted = try fixture.logits
        #expect(found.count == wanted.count)
        let largest = wanted.reduce(0) { max($0, $1.magnitude) }
        let error = zip(found, wanted).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
        #expect(largest > 1)
        #expect(error < 2e-5 * largest, "\(error / largest)")
    }

    /// Prefill and decoding of single tokens, on one and several threads, also with sliding windows that reach into earlier pieces.
    @Test(arguments: Fixture.all)
    func cuttingATextAndThreadsChangeNoBit(fixture: Fixture) throws {
        let model = try fixture.model, tokens = try fixture.tokens, whole = try model.logits(tokens)
        for (piece, threads) in [(1, 1), (1, 3), (7, 2), (16, 1), (40, 2), (40, 5)] {
            #expect(try model.logits(tokens, piece: piece, threads: threads) == whole, "pieces of \(piece), \(threads) threads")
        }
    }

    /// Longer texts are processed in batches.
    @Test func batchesChangeNoBit() throws {
        let model = try Fixture.all[1].model
        let tokens = (0..<1100).map { UInt32($0 * 31 % 80) }
        let session = try Session(model, capacity: tokens.count, pool: WorkerPool(width: 2))
        let whole = try session.read(tokens[...])
        session.restart()
        let last = try session.readToLast(tokens[...])
        #expect(whole.count == 1100 && last.count == 1)
        #expect(whole.array(1099..<1100) == last.array(0..<1))
        session.restart()
        let pieces = try stride(from: 0, to: 1100, by: 100).flatMap { try session.read(tokens[$0..<$0 + 100]).array(0..<100) }
        #expect(pieces == whole.array(0..<1100))
    }

    /// Not even NaNs remain in the state.
    @Test func aTextLeavesNothingToTheNext() throws {
        let fixture = Fixture.all[1], tokens = try fixture.tokens
        let model = try Transformer(Fixture.configuration(fixture.folder), weights: .source(SpoiltSource(base: fixture.source, token: 79)))
        let session = try Session(model, capacity: 40, pool: WorkerPool(width: 1)), text = tokens.filter { $0 != 79 }.prefix(21)
        let clean = try session.read(text).array(0..<21)
        session.restart()
        #expect(try session.read(ArraySlice(repeating: 79, count: 40)).array(39..<40).allSatisfy { $0.isNaN })
        session.restart()
        #expect(try session.read(text).array(0..<21) == clean)
        #expect(clean.allSatisfy { $0.isFinite })
    }

    @Test(arguments: Fixture.all)
    func aMappedFileGivesTheSameBits(fixture: Fixture) async throws {
        let folder = try TemporaryFolder()
        _ = try await transfer(from: fixture.source, to: QAMWriter(path: folder.path("m.qamw")), threads: 1)
        let reader = try QAMReader(path: folder.path("m.qamw"), access: .mapped)
        for exact in [false, true] {
            let model = try Transformer(Fixture.configuration(fixture.folder), weights: .mapped(reader, exact: exact))
            #expect(try model.logits(fixture.tokens) == fixture.model.logits(fixture.tokens))
        }
    }

    /// With GGUF's names and order of rows. Loaders of GGUF take for granted that an exaone4 of so few layers has no windows.
    @Test(arguments: Fixture.all.filter { $0.name != "exaone4" })
    func ggufGivesTheSameBits(fixture: Fixture) async throws {
        let folder = try TemporaryFolder(), path = folder.path("m.gguf")
        let named = try ModelNames.gguf.applied(to: fixture.source, strict: true)
        _ = try await transfer(from: named, to: GGUFSink(output: .file(path)), threads: 1)
        let back = try ModelNames.huggingFace.applied(to: GGUFModel(path: path), strict: true)
        let model = try Transformer(Fixture.configuration(fixture.folder), weights: .source(back))
        #expect(try model.logits(fixture.tokens) == fixture.model.logits(fixture.tokens))
    }

    /// Every tensor renamed, with its rows or elements reversed: raw, coded, and coded with exact activations. Stacks of experts have no order of rows.
    @Test(arguments: Fixture.all.filter { !["gpt_oss", "granitemoe", "granitemoeshared"].contains($0.name) })
    func placesInAFileChangeNoBit(fixture: Fixture) async throws {
        let folder = try TemporaryFolder(), source = try fixture.source, tokens = try fixture.tokens
        let reversed = ReversedSource(base: source)
        var places: [String: ModelWeights.Place] = [:]
        for tensor in source.tensors {
            places[tensor.name] = .init(name: "\(tensor.name).reversed", order: tensor.shape[0] == 1 ? nil : (0..<tensor.shape[0]).reversed())
        }
        for coded in [false, true] {
            var plan = QuantizationPlan(choices: [:]), gains: [Int: GainType] = [:]
            for (index, tensor) in source.tensors.enumerated() where coded && QuantizationPlan.obstacle(tensor, to: .octant) == nil {
                plan.choices[index] = QuantizationChoice(try Code(.octant, bits: 5.5), seed: 3)
                gains[index] = .float32
            }
            for (base, name) in [(source, "p.qamw"), (reversed, "r.qamw")] as [(any TensorSource, String)] {
                let file = try QuantizingSource(base, plan: plan, gainTypes: gains)
                _ = try await transfer(from: file, to: QAMWriter(path: folder.path(name), replacing: true), threads: 1)
            }
            let plain = try QAMReader(path: folder.path("p.qamw"), access: .mapped), other = try QAMReader(path: folder.path("r.qamw"), access: .mapped)
            for exact in [false, true] {
                let wanted = try Transformer(Fixture.configuration(fixture.folder), weights: .mapped(plain, exact: exact))
                let model = try Transformer(Fixture.configuration(fixture.folder), weights: .mapped(other, exact: exact, places: places))
                #expect(try model.logits(tokens) == wanted.logits(tokens))
                #expect(try model.logits(tokens, piece: 17, threads: 3) == wanted.logits(tokens))
            }
        }
    }

    @Test(arguments: [
        ("model.layers.0.self_attn.q_proj.weight", [0, 1]), ("model.norm.weight", Array(repeating: 0, count: 64)), ("lm_head.weight", Array(1...80)),
    ])
    func ordersThatAreNoneAreErrors(name: String, order: [Int]) async throws {
        let folder = try TemporaryFolder(), fixture = Fixture.all[0]
        _ = try await transfer(from: fixture.source, to: QAMWriter(path: folder.path("m.qamw")), threads: 1)
        let reader = try QAMReader(path: folder.path("m.qamw"), access: .mapped)
        var places = try Dictionary(uniqueKeysWithValues: fixture.source.tensors.map { ($0.name, ModelWeights.Place(name: $0.name)) })
        places[name]?.order = order
        let weights = ModelWeights.mapped(reader, exact: false, places: places)
        let error = #expect(throws: QAMError.self) { _ = try Transformer(Fixture.configuration(fixture.folder), weights: weights) }
        #expect(error?.code == .malformed && error?.place.tensor == name)
    }

    @Test func aTextThatDoesNotFitIsRefused() throws {
        let model = try Fixture.all[0].model, pool = try WorkerPool(width: 1)
        let session = try Session(model, capacity: 3, pool: pool)
        #expect(throws: QAMError.self) { _ = try session.read([1, 2, 3, 4]) }
        _ = try session.read([1, 2])
        #expect(throws: QAMError.self) { _ = try session.read([3, 4]) }
        #expect(throws: QAMError.self) { _ = try session.read([80]) }
        #expect(session.position == 2)
        _ = try session.read([79])
        #expect(session.position == 3)
    }

    @Test func aCapacityBeyondMemoryIsRefusedBeforeItIsTaken() throws {
        let model = try Fixture.all[0].model, pool = try WorkerPool(width: 1)
        for capacity in [1 << 40, Int.max] {
            let error = #expect(throws: QAMError.self) { _ = try Session(model, capacity: capacity, pool: pool) }
            #expect(error?.code == .limitExceeded)
        }
    }

    @Test func generatingIsGreedyAndEndsWhenTold() throws {
        let model = try Fixture.all[3].model, pool = try WorkerPool(width: 2)
        var text: [UInt32] = [5, 17, 3]
        for _ in 0..<5 {
            let logits = try model.logits(text).suffix(80)
            let best = try #require(logits.indices.max { logits[$0] < logits[$1] })
            text.append(UInt32(best - logits.startIndex))
        }
        let generator = try Generator(model, capacity: 8, pool: pool)
        var made: [UInt32] = [], greedy = Sampler.greedy
        try generator.run([5, 17, 3], count: 5, sampler: &greedy) {
            made.append($0); return true
        }
        #expect(made == Array(text.dropFirst(3)))
        made = []
        try generator.run([5, 17, 3], count: 5, sampler: &greedy) {
            made.append($0); return made.count < 2
        }
        #expect(made == Array(text[3..<5]))
        try generator.run([5], count: 0, sampler: &greedy) { _ in
            made.append(0); return true
        }
        #expect(made.count == 2)
        #expect(throws: QAMError.self) { try generator.run([], count: 1, sampler: &greedy) { _ in true } }
    }

    @Test func checkpointsEndAReading() throws {
        struct Stop: Error {}
        let model = try Fixture.all[0].model
        var calls = 0
        let session = try Session(model, capacity: 4, pool: WorkerPool(width: 1)) {
            calls += 1
            if calls == 2 { throw Stop() }
        }
        #expect(throws: Stop.self) { _ = try session.read([1, 2]) }
        #expect(calls == 2)
    }
}

/// A model of F32 tensors with NaNs as the embedding of one token.
private struct SpoiltSource: TensorSource {
    let base: HuggingFaceFolder
    let token: Int

    var metadata: Metadata { base.metadata }
    var tensors: [TensorDescriptor] { base.tensors }
    var inputs: [String] { base.inputs }
    var fingerprint: String { base.fingerprint }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        var chunk = try base.read(units, of: tensor)
        guard tensors[tensor].name == "model.embed_tokens.weight" else { return chunk }
        let rowBytes = 4 * tensors[tensor].columns
        for byte in (token * rowBytes..<(token + 1) * rowBytes).clamped(to: units) { chunk.streams[0][byte - units.lowerBound] = 0xFF }
        return chunk
    }
}

/// A model of renamed raw tensors, each with its rows reversed.
private struct ReversedSource: TensorSource {
    let base: HuggingFaceFolder

    var metadata: Metadata { base.metadata }
    var tensors: [TensorDescriptor] {
        base.tensors.map { TensorDescriptor(name: "\($0.name).reversed", shape: $0.shape, storage: $0.storage) }
    }
    var inputs: [String] { base.inputs }
    var fingerprint: String { "\(base.fingerprint) reversed" }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let count = base.tensors[tensor].byteCount, size = count / base.tensors[tensor].shape[0]
        let bytes = try base.read(0..<count, of: tensor).streams[0]
        let reversed = stride(from: count - size, through: 0, by: -size).flatMap { bytes[$0..<$0 + size] }
        return TensorChunk(streams: [Array(reversed[units])])
    }
}
