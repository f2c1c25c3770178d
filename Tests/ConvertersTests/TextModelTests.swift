import Architectures
import Converters
import QAMFormat
import Testing

/// The language model among a checkpoint's tensors, under any names.
@Suite struct TextModelTests {
    private static let llama = ArchitectureModels.all[0], gemma = ArchitectureModels.all[6]

    /// A model with renamed tensors, and other tensors besides them.
    private static func source(
        _ model: ArchitectureModels.Model, config: [String: JSONValue], parts: [String] = [], rename: (String) -> String
    ) throws -> MemorySource {
        var source = try ArchitectureModels.source(model)
        for index in source.tensors.indices { source.tensors[index].name = rename(source.tensors[index].name) }
        for name in parts { source.add(name, [4, 3], .bf16) }
        source.files = [ArchitectureModels.configFile(config)]
        return source
    }

    private static func object(_ config: [String: JSONValue]) -> JSONValue {
        .object(config.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) })
    }

    /// The names in checkpoints of multimodal models, by version of transformers.
    @Test(arguments: ["language_model.", "model.language_model.", "thinker."]) func theTextModelIsTaken(_ style: String) throws {
        for (model, type, kind) in [(Self.gemma, "gemma3", "Gemma3ForCausalLM"), (Self.llama, "llava", "LlamaForCausalLM")] {
            let config: [String: JSONValue] = [
                "architectures": ["Whole"], "model_type": .string(type), "text_config": Self.object(model.config), "vision_config": ["hidden_size": 8],
                "torch_dtype": "bfloat16", "image_token_index": 7,
            ]
            let parts = ["vision_tower.encoder.layers.0.weight", "model.multi_modal_projector.linear.weight", "vision_tower.post.weight"]
            let source = try Self.source(model, config: config, parts: parts) { name in
                let isHead = name == "lm_head.weight"
                return style == "model.language_model." ? (isHead ? name : style + name.dropFirst(6)) : style + name
            }
            let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
            let plain = try ModelNames.gguf.applied(to: ArchitectureModels.source(model), strict: true, carryingFiles: false)
            #expect(gguf.tensors.map(\.name) == plain.tensors.map(\.name))
            for index in gguf.tensors.indices { #expect(try payload(gguf, index) == payload(plain, index)) }
            let warning = "only the language model is taken; left out: vision_tower, model.multi_modal_projector (3 tensors)"
            #expect(gguf.warnings.count { $0.contains("left out") } == 1 && gguf.warnings.contains(warning))
            #expect(!gguf.warnings.contains { $0.contains("vision_config") })

            // The reverse conversion gives a model of its own.
            let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
            #expect(Set(back.tensors.map(\.name)) == Set(try ArchitectureModels.source(model).tensors.map(\.name)))
            let file = try #require(back.files.first { $0.name == "config.json" })
            let written = try JSONValue(parsing: file.read(0..<file.byteCount), section: "config")
            #expect(written["architectures"] == [.string(kind)] && written["model_type"] == .string(model.kind) && written["torch_dtype"] == "bfloat16")
            #expect(written["vision_config"] == nil && written["hidden_size"] == model.config["hidden_size"])
        }
    }

    @Test(arguments: ArchitectureModels.all) func baseModelsComeBackUnderTheirNames(_ model: ArchitectureModels.Model) throws {
        guard model.isTied else { return #expect(model.config["tie_word_embeddings"] == false) }
        let source = try Self.source(model, config: model.config) { String($0.dropFirst(6)) }
        let gguf = try ModelNames.gguf.applied(to: source, strict: true)
        #expect(gguf.tensors.contains { $0.name == "blk.1.attn_q.weight" || $0.name == "blk.1.attn_qkv.weight" })
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        #expect(back.tensors.map(\.name).sorted() == source.tensors.map(\.name).sorted())
        for (index, tensor) in back.tensors.enumerated() {
            let original = try source.index(tensor.name)
            #expect(tensor == source.tensors[original], "\(tensor.name)")
            #expect(try payload(back, index) == payload(source, original), "\(tensor.name)")
        }
    }

    /// A base model without a head and without tied embeddings only computes vectors.
    @Test func aModelWithoutAHeadIsSaidToBeOne() throws {
        let config = Self.llama.config.merging(["architectures": ["LlamaModel"]]) { $1 }
        var source = try Self.source(Self.llama, config: config) { $0 }
        source.tensors.removeLast()
        source.payloads.removeLast()
        let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
        #expect(gguf.warnings.contains { $0.contains("no head") })
        // Its configuration is restored unchanged.
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        let file = try #require(back.files.first { $0.name == "config.json" })
        #expect(try file.read(0..<file.byteCount) == ArchitectureModels.configFile(config).bytes)
        source.files = [ArchitectureModels.configFile(Self.llama.config.merging(["architectures": ["LlamaForCausalLM"]]) { $1 })]
        #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: source, strict: true) }
    }

    @Test func aliasesFollowTheirTargets() throws {
        let model = ArchitectureModels.all[3]
        var source = try Self.source(model, config: model.config, parts: ["visual.patch.weight"]) { "language_model." + $0 }
        source.addAlias("language_model.lm_head.weight", of: 0)
        source.addAlias("visual.embed.weight", of: 0)
        source.addAlias("language_model.model.extra.weight", of: source.tensors.count - 3)
        let text = try TextModel.reduced(source)
        let head = try text.index("lm_head.weight"), embedding = try text.index("model.embed_tokens.weight")
        #expect(text.tensors[head].storage == .alias(of: embedding))
        let extra = try text.index("model.extra.weight")
        #expect(text.tensors[extra].storage == .raw(.bf16))
        #expect(try payload(text, extra) == payload(source, source.index("visual.patch.weight")))
    }

    @Test func otherModelsStayAsTheyAre() throws {
        for names in [["encoder.layer.0.weight"], ["model.embed_tokens.weight", "model.layers.0.weight", "lm_head.weight"], ["embed_tokens.weight"]] {
            var source = MemorySource()
            for name in names { source.add(name, [2, 2], .f32) }
            #expect(try TextModel.reduced(source).tensors == source.tensors)
        }
        #expect(TextModel.canonicalName("model.language_model.layers.3.mlp.up_proj.weight") == "model.layers.3.mlp.up_proj.weight")
        #expect(TextModel.canonicalName("layers.3.mlp.up_proj.weight") == "model.layers.3.mlp.up_proj.weight")
        #expect(TextModel.canonicalName("vision_tower.layers.3.weight") == "vision_tower.layers.3.weight")
    }

    @Test func poolingOfEmbeddingModelsIsSaid() throws {
        func metadata(_ pooling: String?, modules: String = #"[{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]"#) throws
            -> any TensorSource
        {
            var source = try ArchitectureModels.source(Self.llama)
            source.files.append(MemoryFile(name: "modules.json", bytes: Array(modules.utf8)))
            if let pooling { source.files.append(MemoryFile(name: "1_Pooling/config.json", bytes: Array(pooling.utf8))) }
            return try ModelNames.gguf.applied(to: source, strict: true)
        }
        for (config, number) in [
            (#"{"pooling_mode_mean_tokens": true}"#, 1), (#"{"pooling_mode_cls_token": true}"#, 2), (#"{"pooling_mode": "lasttoken"}"#, 3),
        ] {
            #expect(try metadata(config).metadata["llama.pooling_type"] == .uint32(UInt32(number)))
        }
        for config in [#"{"pooling_mode_max_tokens": true}"#, nil] {
            let gguf = try metadata(config)
            #expect(gguf.metadata["llama.pooling_type"] == nil && gguf.warnings.contains { $0.contains("1_Pooling/config.json") })
        }
        #expect(throws: QAMError.self) { try metadata("{") }
        #expect(try metadata(nil, modules: "[]").metadata["llama.pooling_type"] == nil)
    }
}
