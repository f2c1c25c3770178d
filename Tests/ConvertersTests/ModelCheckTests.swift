import Architectures
import Converters
import QAMFormat
import Testing

/// Missing tensors, surplus tensors and wrong shapes are reported before anything is written.
@Suite struct ModelCheckTests {
    private static let llama = ArchitectureModels.all[0]

    /// The tensors of a model that `keeps` accepts, with a changed configuration.
    private static func source(
        _ model: ArchitectureModels.Model = llama, config changes: [String: JSONValue] = [:], without keeps: (String) -> Bool = { _ in false }
    ) throws -> MemorySource {
        let whole = try ArchitectureModels.source(model)
        var source = MemorySource(metadata: whole.metadata)
        source.files = [ArchitectureModels.configFile(model.config.merging(changes) { $1 })]
        for (tensor, payload) in zip(whole.tensors, whole.payloads) where !keeps(tensor.name) {
            source.tensors.append(tensor)
            source.payloads.append(payload)
        }
        return source
    }

    private static func toGGUF(_ source: MemorySource) -> QAMError? {
        #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: source, strict: false) }
    }

    @Test(arguments: ArchitectureModels.all) func eachTensorIsNeeded(_ model: ArchitectureModels.Model) throws {
        let names = try ArchitectureModels.source(model).tensors.map(\.name)
        #expect(names.count > 10)
        for name in names where name != "lm_head.weight" {
            let error = Self.toGGUF(try Self.source(model) { $0 == name })
            #expect(error?.code == .malformed && error?.place.tensor == name && error?.message.contains("missing") == true, "\(name)")
        }
        // Also in the reverse direction, by GGUF's names.
        let gguf = try ModelNames.gguf.applied(to: ArchitectureModels.source(model), strict: true)
        #expect(gguf.tensors.count > 10)
        for name in gguf.tensors.map(\.name) where !name.hasPrefix("rope_") && name != "output.weight" && !name.hasSuffix(".bias") {
            let rest = gguf.tensors.enumerated().filter { $1.name != name }.map { SelectingSource.Item($1, .base($0)) }
            let source = SelectingSource(gguf, items: rest, metadata: gguf.metadata, files: [])
            let error = #expect(throws: QAMError.self, "\(name)") { try ModelNames.huggingFace.applied(to: source, strict: false) }
            #expect(error?.code == .malformed && error?.place.tensor == name, "\(name)")
        }
    }

    @Test(arguments: ArchitectureModels.all) func shapesFollowFromTheConfiguration(_ model: ArchitectureModels.Model) throws {
        let indices = try ArchitectureModels.source(model).tensors.indices
        #expect(indices.count > 10)
        for index in indices {
            var source = try Self.source(model)
            source.tensors[index].shape[0] += 1
            let error = Self.toGGUF(source)
            #expect(error?.code == .malformed && error?.place.tensor == source.tensors[index].name, "\(source.tensors[index].name)")
        }
    }

    @Test func rowsOfTheVocabularyAreCounted() throws {
        for rows in [16, 32] {
            let error = Self.toGGUF(try Self.source(config: ["vocab_size": JSONValue(rows)]))
            #expect(error?.place.tensor == "model.embed_tokens.weight")
            #expect(error?.message == "the tensor is 24 x 32, and by the model's configuration \(rows) x 32; say in \"vocab_size\" how many tokens there are")
        }
        // A GGUF whose tokenizer has another number of tokens.
        let gguf = try ModelNames.gguf.applied(to: ArchitectureModels.source(Self.llama), strict: true)
        var metadata = gguf.metadata
        metadata.set("tokenizer.ggml.tokens", .array(.string((0..<23).map { "t\($0)" })))
        let fewer = MetadataReplacingSource(gguf, metadata: metadata)
        let error = #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: fewer, strict: false) }
        #expect(error?.message.contains("24 rows") == true && error?.message.contains("23 tokens") == true)
    }

    @Test func layersAreCounted() throws {
        let more = Self.toGGUF(try Self.source(config: ["num_hidden_layers": 1]))
        #expect(more?.code == .unsupported && more?.message.hasPrefix("\"model.layers.1.input_layernorm.weight\" and 8 more: ") == true)
        #expect(more?.message.contains("--names keep") == true)
        for count in [3, 200_000_000] {
            let fewer = Self.toGGUF(try Self.source(config: ["num_hidden_layers": JSONValue(count)]))
            #expect(fewer?.place.tensor == "model.layers.2.input_layernorm.weight")
        }
        #expect(Self.toGGUF(try Self.source(config: ["num_hidden_layers": 4_000_000_000]))?.message.contains("num_hidden_layers") == true)
        // transformers ignores such tensors.
        let gguf = try ModelNames.gguf.applied(to: ArchitectureModels.source(Self.llama), strict: true)
        var metadata = gguf.metadata
        metadata.set("llama.block_count", .uint32(1))
        let back = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: false)
        #expect(back.warnings.contains { $0.hasPrefix("\"blk.1.attn_norm.weight\" and 8 more: ") })
        #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true) }
    }

    @Test func aHeadIsMissingWhereItIsNotTied() throws {
        func without(_ tied: JSONValue?) throws -> MemorySource {
            var model = Self.llama
            model.config["tie_word_embeddings"] = tied
            return try Self.source(model) { $0 == "lm_head.weight" }
        }
        #expect(Self.toGGUF(try without(false))?.place.tensor == "lm_head.weight")
        for tied: JSONValue? in [true, nil] { #expect(try !ModelNames.gguf.applied(to: without(tied), strict: true).tensors.isEmpty) }
    }

    @Test func biasesAreThoseThatTheConfigurationTells() throws {
        let model = ArchitectureModels.all[1]
        let error = Self.toGGUF(try Self.source(model) { $0 == "model.layers.1.self_attn.k_proj.bias" })
        #expect(error?.place.tensor == "model.layers.1.self_attn.k_proj.bias")
        let untold = try ModelNames.gguf.applied(to: Self.source(model, config: ["attention_bias": false]), strict: true)
        #expect(untold.warnings.contains { $0.hasPrefix("\"model.layers.0.self_attn.q_proj.bias\" and 5 more: ") && $0.contains("\"attention_bias\"") })
        // Tensors that GGUF loaders do not ignore.
        for (index, name) in [
            (4, "model.layers.0.self_attn.o_proj.bias"), (3, "model.layers.0.self_attn.o_proj.bias"), (2, "model.layers.0.self_attn.q_proj.bias"),
            (0, "model.norm.bias"),
        ] {
            var source = try Self.source(ArchitectureModels.all[index])
            let rows = name.contains("q_proj") ? 48 : 32
            source.add(name, [rows], .bf16)
            let error = Self.toGGUF(source)
            #expect(error?.code == .unsupported && error?.message.contains("\"\(name)\"") == true)
        }
    }

    @Test func namesThatLookLikeTemplatesAreNone() throws {
        var source = try Self.source()
        source.add("model.layers.#.input_layernorm.weight", [32], .bf16)
        #expect(Self.toGGUF(source)?.message.contains("model.layers.#") == true)
    }

    @Test func headsMustFillTheWidthWhereLoadersTakeItForGranted() throws {
        let error = Self.toGGUF(try Self.source(ArchitectureModels.all[3], config: ["head_dim": 16]))
        #expect(error?.code == .unsupported && error?.message.contains("4 heads of 16") == true)
        for (index, family) in [(0, "llama"), (2, "llama"), (4, "qwen3")] {
            let partial = Self.toGGUF(try Self.source(ArchitectureModels.all[index], config: ["partial_rotary_factor": .number(0.5)]))
            #expect(
                partial?.code == .unsupported && partial?.message.contains("\"partial_rotary_factor\"") == true && partial?.message.contains(family) == true)
        }
    }
}
