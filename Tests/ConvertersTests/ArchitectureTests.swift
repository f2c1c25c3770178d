import Architectures
import Converters
import QAMFormat
import Testing

/// Models of every architecture, converted to GGUF and back.
@Suite struct ArchitectureTests {
    @Test(arguments: ArchitectureModels.all) func tensorsComeBackAsTheyWere(_ model: ArchitectureModels.Model) throws {
        let original = try ArchitectureModels.source(model)
        let gguf = try ModelNames.gguf.applied(to: original, strict: true)
        #expect(ModelNames.of(gguf) == .gguf && ModelNames.of(original) == .huggingFace)
        #expect(gguf.metadata["general.architecture"] == .string(model.architecture))
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        #expect(back.tensors == original.tensors)
        #expect(back.metadata == original.metadata)
        #expect(back.warnings == gguf.warnings)
        for tensor in back.tensors.indices { #expect(try payload(back, tensor) == payload(original, tensor), "\(back.tensors[tensor].name)") }
    }

    @Test(arguments: ArchitectureModels.all) func whatLoadersWantIsThere(_ model: ArchitectureModels.Model) throws {
        let gguf = try ModelNames.gguf.applied(to: try ArchitectureModels.source(model), strict: true)
        for key in ["context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"] {
            guard case .uint32? = gguf.metadata["\(model.architecture).\(key)"] else { Issue.record("\(key) is missing"); continue }
        }
        #expect(gguf.metadata["\(model.architecture).attention.layer_norm_rms_epsilon"] == .float32(1e-6))
        #expect(gguf.metadata["general.file_type"] == .uint32(32))
        #expect(gguf.metadata["general.quantization_version"] == .uint32(2))
        #expect(gguf.metadata["tokenizer.ggml.model"] == .string("none"))
        for tensor in gguf.tensors {
            #expect(
                ["token_embd.weight", "output.weight", "output_norm.weight"].contains(tensor.name) || tensor.name.hasPrefix("blk.")
                    || tensor.name.hasPrefix("rope_"))
            if tensor.shape.count == 1 { #expect(tensor.storage == .raw(.f32), "\(tensor.name)") } else { #expect(tensor.storage == .raw(.bf16)) }
        }
        #expect(gguf.tensors.contains { $0.name == "output.weight" } == !model.isTied)
    }

    @Test(arguments: ArchitectureModels.all) func configurationsAreRebuilt(_ model: ArchitectureModels.Model) throws {
        var gguf: any TensorSource = try ModelNames.gguf.applied(to: try ArchitectureModels.source(model), strict: true, carryingFiles: false)
        #expect(gguf.files.isEmpty)
        gguf = MetadataReplacingSource(gguf, metadata: gguf.metadata)
        let file = try #require(try ModelNames.huggingFace.applied(to: gguf, strict: true).files.first { $0.name == "config.json" })
        let config = try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")
        for (key, value) in model.config { #expect(Self.number(config[key]) == Self.number(value), "\(key)") }
        #expect(config["torch_dtype"] == model.config["torch_dtype"])
    }

    /// A number by its value, whatever its form in JSON.
    private static func number(_ value: JSONValue?) -> JSONValue? {
        switch value {
        case .integer(let integer)?: .number(Double(integer))
        case .object(let members)?: .object(members.map { .init($0.key, number($0.value) ?? .null) }.sorted { $0.key < $1.key })
        default: value
        }
    }

    @Test(arguments: ArchitectureModels.all.filter { ["llama", "mistral"].contains($0.kind) })
    func rowsOfQueriesAndKeysAreInterleaved(_ model: ArchitectureModels.Model) throws {
        let original = try ArchitectureModels.source(model)
        let gguf = try ModelNames.gguf.applied(to: original, strict: true)
        let size = model.headSize
        for (name, other, heads) in [("q", "attn_q", 4), ("k", "attn_k", 2)] {
            for suffix in ["weight", "bias"] where suffix == "weight" || model.config["attention_bias"] == true {
                let before = try original.values("model.layers.1.self_attn.\(name)_proj.\(suffix)"), after = try gguf.values("blk.1.\(other).\(suffix)")
                let columns = before.count / (heads * size)
                for head in 0..<heads {
                    for row in 0..<size {
                        let from = (head * size + (row % 2) * (size / 2) + row / 2) * columns, to = (head * size + row) * columns
                        #expect(Array(after[to..<to + columns]) == Array(before[from..<from + columns]))
                    }
                }
            }
        }
        #expect(try gguf.values("blk.1.attn_v.weight") == original.values("model.layers.1.self_attn.v_proj.weight"))
    }

    @Test(arguments: ArchitectureModels.all.filter { $0.kind.hasPrefix("gemma") }) func gemmasNormsGetOneMore(_ model: ArchitectureModels.Model) throws {
        let original = try ArchitectureModels.source(model)
        let gguf = try ModelNames.gguf.applied(to: original, strict: true)
        for (before, after) in [
            ("model.norm", "output_norm"), ("model.layers.0.pre_feedforward_layernorm", "blk.0.ffn_norm"),
            ("model.layers.0.post_attention_layernorm", "blk.0.post_attention_norm"),
        ] {
            #expect(try gguf.values("\(after).weight") == original.values("\(before).weight").map { Double(Float($0) + 1) })
        }
    }

    @Test func normsTooSmallForOneMoreComeBackTo() throws {
        var source = try ArchitectureModels.source(ArchitectureModels.all[5])
        let norm = try source.index("model.norm.weight")
        // Values too small to change 1 when added to it; minus zero would lose its sign.
        var values = [Float](repeating: 0x1p-30, count: 32)
        values[3] = -0.0
        values[4] = 0x1.02p-20
        source.payloads[norm] = [try ElementConversion.bytes(values, as: .bf16)]
        let gguf = try ModelNames.gguf.applied(to: source, strict: true)
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        #expect(try payload(back, norm) == source.payloads[norm])
        // A later edit by another program has precedence.
        var edited = MemorySource(metadata: gguf.metadata)
        for (index, tensor) in gguf.tensors.enumerated() {
            guard case .raw(let dtype) = tensor.storage else { continue }
            let bytes =
                tensor.name == "output_norm.weight" ? try ElementConversion.bytes([Float](repeating: 1.5, count: 32), as: .f32) : try payload(gguf, index)[0]
            edited.add(tensor.name, tensor.shape, dtype, bytes)
        }
        #expect(try ModelNames.huggingFace.applied(to: edited, strict: true).values("model.norm.weight") == [Double](repeating: 0.5, count: 32))
    }

    @Test func tiedHeadsAreLeftOutAndComeBack() throws {
        var source = try ArchitectureModels.source(ArchitectureModels.model("llama", "llama", ["tie_word_embeddings": true, "vocab_size": 2048]))
        source.add("lm_head.weight", [2048, 32], .bf16, source.payloads[0][0])
        let gguf = try ModelNames.gguf.applied(to: source, strict: true)
        #expect(!gguf.tensors.contains { $0.name == "output.weight" })
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        let head = try back.index("lm_head.weight")
        #expect(back.tensors[head].storage == .alias(of: 0))
        #expect(try payload(back, head) == payload(source, 0))
    }

    /// At any size: only a head that differs from the embedding deserves a warning.
    @Test func aTiedHeadThatDiffersIsToldOf() throws {
        var source = try ArchitectureModels.source(ArchitectureModels.model("llama", "llama", ["tie_word_embeddings": true]))
        var other = source
        source.add("lm_head.weight", [24, 32], .bf16, source.payloads[0][0])
        other.add("lm_head.weight", [24, 32], .bf16, [UInt8](repeating: 1, count: 24 * 32 * 2))
        func warnings(_ source: MemorySource) throws -> [String] {
            try ModelNames.gguf.applied(to: source, strict: true).warnings.filter { $0.contains("lm_head") }
        }
        #expect(try warnings(source).isEmpty)
        #expect(try warnings(other).count == 1)
    }

    @Test func aTokenizerOfAnotherKindIsLeftOut() throws {
        let gguf = try ModelNames.gguf.applied(to: ArchitectureModels.source(ArchitectureModels.all[0]), strict: true, carryingFiles: false)
        var metadata = Metadata()
        for entry in gguf.metadata.entries { metadata.set(entry.key, entry.value) }
        metadata.set("tokenizer.ggml.model", .string("t5"))
        let back = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
        #expect(back.files.map(\.name) == ["config.json"])
        #expect(back.warnings.contains { $0.hasPrefix("the tokenizer is left out: ") && $0.contains("t5") })
    }

    @Test func aPeersFileGetsTheTypesOfItsMatrices() throws {
        // Without our metadata, tensors that can be narrowed exactly are narrowed, and the rest stays.
        var source = try ArchitectureModels.source(ArchitectureModels.all[0])
        let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
        var metadata = Metadata()
        for entry in gguf.metadata.entries where !entry.key.hasPrefix("qamw.") { metadata.set(entry.key, entry.value) }
        let back = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
        #expect(back.tensors == source.tensors)
        source.payloads[1] = [try ElementConversion.bytes([Float](repeating: 0.5, count: 32), as: .bf16)]
        #expect(try back.values("model.norm.weight") == source.values("model.norm.weight"))
        // A llama whose name says mistral is converted as a mistral.
        metadata.set("general.name", .string("Mistral 7B v0.1"))
        let named = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
        let file = try #require(named.files.first { $0.name == "config.json" })
        #expect(try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")["model_type"] == "mistral")
    }

    @Test func whatIsUnknownKeepsItsNames() throws {
        var source = try ArchitectureModels.source(ArchitectureModels.model("rwkv", "rwkv"))
        let kept = try ModelNames.gguf.applied(to: source, strict: false)
        #expect(kept.tensors == source.tensors)
        #expect(kept.warnings.count == 1 && kept.warnings[0].contains("\"rwkv\" is not known"))
        #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: source, strict: true) }
        #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: MemorySource(), strict: true) }

        // GGUF loaders refuse unknown tensors, transformers ignores them.
        source = try ArchitectureModels.source(ArchitectureModels.all[0])
        source.add("model.layers.0.adapter.weight", [4, 4], .bf16)
        for strict in [false, true] {
            let adapted = source
            let error = #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: adapted, strict: strict) }
            #expect(error?.message.contains("\"model.layers.0.adapter.weight\"") == true)
        }
        let gguf = try ModelNames.gguf.applied(to: ArchitectureModels.source(ArchitectureModels.all[0]), strict: true)
        var more = MemorySource(metadata: gguf.metadata)
        for (index, tensor) in gguf.tensors.enumerated() {
            guard case .raw(let dtype) = tensor.storage else { continue }
            more.add(tensor.name, tensor.shape, dtype, try payload(gguf, index)[0])
        }
        more.add("blk.0.adapter.weight", [4, 4], .bf16)
        let lenient = try ModelNames.huggingFace.applied(to: more, strict: false)
        #expect(lenient.warnings.contains { $0.contains("\"blk.0.adapter.weight\"") })
        #expect(lenient.tensors.last?.name == "blk.0.adapter.weight")
        let strict = more
        #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: strict, strict: true) }
    }
}
