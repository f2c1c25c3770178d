import Architectures
import Converters
import QAMFormat
import Testing

/// Invalid and unusual configurations.
@Suite struct ArchitectureConfigTests {
    private static func error(_ change: (inout [String: JSONValue]) -> Void, of model: ArchitectureModels.Model = ArchitectureModels.all[0]) throws -> QAMError?
    {
        var config = model.config
        change(&config)
        var source = try ArchitectureModels.source(model)
        source.files = [ArchitectureModels.configFile(config)]
        let changed = source
        return #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: changed, strict: false) }
    }

    @Test(arguments: ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size"])
    func missingAndWrongValuesAreNamed(_ key: String) throws {
        for value: JSONValue? in [nil, .null, "x", .number(1.5), JSONValue(-1), .integer(1 << 40)] {
            let model = ArchitectureModels.all[0]
            var config = model.config
            config[key] = value
            var source = try ArchitectureModels.source(model)
            source.files = [ArchitectureModels.configFile(config)]
            let changed = source
            let error = #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: changed, strict: false) }
            #expect(error?.code == .malformed && error?.place.file == "config.json")
            #expect(error?.message.contains("\"\(key)\"") == true, "\(error?.message ?? "")")
        }
    }

    @Test func hostileConfigurationsAreErrors() throws {
        var source = try ArchitectureModels.source(ArchitectureModels.all[0])
        for text in ["", "[]", "{", "{\"model_type\": 3}", "{\"model_type\": \"llama\"}"] {
            source.files = [MemoryFile(name: "config.json", bytes: Array(text.utf8))]
            let changed = source
            let error = #expect(throws: QAMError.self, "\(text)") { try ModelNames.gguf.applied(to: changed, strict: false) }
            #expect(error?.place.file == "config.json")
        }
        let heads = try Self.error { $0["num_attention_heads"] = 0 }
        #expect(heads?.message.contains("num_attention_heads") == true)
        let rows = try Self.error { $0["num_key_value_heads"] = 3 }
        #expect(rows?.message.contains("num_key_value_heads") == true)
        #expect(try Self.error { $0["head_dim"] = 4_000_000_000 }?.message.contains("head_dim") == true)
    }

    /// A value outside the range of float32 never becomes an infinity in the file.
    @Test(arguments: ["rms_norm_eps", "rope_theta", "rope_scaling.factor"]) func numbersBeyondGGUFAreRefused(key: String) throws {
        let huge = JSONValue.number(1e300)
        let error = try Self.error { config in
            if key == "rope_scaling.factor" { config["rope_scaling"] = ["rope_type": "llama3", "factor": huge] } else { config[key] = huge }
        }
        #expect(error?.code == .malformed && error?.message.contains("\"\(key)\"") == true)
    }

    /// JSON cannot represent NaN and infinity, so config.json must not be made from them.
    @Test func metadataThatAreNoNumbersAreRefused() throws {
        let llama = try ModelNames.gguf.applied(to: ArchitectureModels.source(ArchitectureModels.all[0]), strict: true)
        let gemma = try ModelNames.gguf.applied(to: ArchitectureModels.source(ArchitectureModels.all[5]), strict: true)
        for (source, key, value) in [
            (llama, "llama.attention.layer_norm_rms_epsilon", Float.nan), (llama, "llama.rope.freq_base", .infinity), (gemma, "gemma2.attention.scale", 0),
        ] {
            var metadata = Metadata()
            for entry in source.metadata.entries { metadata.set(entry.key, entry.value) }
            metadata.set(key, .float32(value))
            let changed = MetadataReplacingSource(source, metadata: metadata)
            let error = #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: changed, strict: false) }
            #expect(error?.code == .malformed && error?.message.contains("\"\(key)\"") == true)
        }
    }

    @Test func whatLoadersTakeForGrantedMustBeSo() throws {
        let activation = try Self.error { $0["hidden_act"] = "gelu" }
        #expect(activation?.code == .unsupported && activation?.message.contains("\"hidden_act\" is \"gelu\"") == true)
        let factors = try Self.error({ $0["rope_scaling"] = ["long_factor": [1], "short_factor": [1], "type": "longrope"] }, of: ArchitectureModels.all[7])
        #expect(factors?.message.contains("1 factors for 4 pairs") == true)
        let layers = try Self.error(
            {
                $0["sliding_window_pattern"] = nil
                $0["layer_types"] = ["full_attention", "sliding_attention"]
            }, of: ArchitectureModels.all[6])
        #expect(layers?.code == .unsupported)
    }

    @Test func newerFormsAreUnderstood() throws {
        // text_config, rope_parameters and layer_types state what older configurations state at the top level.
        var model = ArchitectureModels.all[6]
        let source = try ArchitectureModels.source(model)
        let old = try ModelNames.gguf.applied(to: source, strict: true).metadata
        for key in ["rope_theta", "rope_local_base_freq", "rope_scaling", "sliding_window_pattern"] { model.config[key] = nil }
        model.config["rope_parameters"] = [
            "full_attention": ["rope_type": "linear", "factor": .number(8), "rope_theta": .number(10000)],
            "sliding_attention": ["rope_type": "default", "rope_theta": .number(10000)],
        ]
        model.config["layer_types"] = ["sliding_attention", "sliding_attention"]
        model.config["sliding_window_pattern"] = 3
        let inner = JSONValue.object(model.config.map { JSONValue.Member($0.key, $0.value) })
        let text = JSONWriter.text(["text_config": inner, "model_type": "gemma3"])
        var changed = source
        changed.files = [MemoryFile(name: "config.json", bytes: Array(text.utf8))]
        // The kept texts of config.json differ.
        func withoutText(_ metadata: Metadata) -> Metadata {
            var metadata = metadata
            metadata.remove("qamw.hf.config")
            return metadata
        }
        #expect(try withoutText(ModelNames.gguf.applied(to: changed, strict: true).metadata) == withoutText(old))
    }

    @Test func aMissingKeyOfGGUFIsNamed() throws {
        let gguf = try ModelNames.gguf.applied(to: try ArchitectureModels.source(ArchitectureModels.all[0]), strict: true)
        var metadata = gguf.metadata
        metadata.remove("llama.embedding_length")
        let changed = MetadataReplacingSource(gguf, metadata: metadata)
        let error = #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: changed, strict: false) }
        #expect(error?.message == "\"llama.embedding_length\" is missing")
        metadata = gguf.metadata
        metadata.set("llama.attention.head_count", .string("four"))
        let wrong = MetadataReplacingSource(gguf, metadata: metadata)
        #expect(throws: QAMError.self) { try ModelNames.huggingFace.applied(to: wrong, strict: false) }
        // Integer types that other writers use are accepted.
        metadata.set("llama.attention.head_count", .uint64(4))
        metadata.set("llama.attention.head_count_kv", .array(.int32([2, 2])))
        #expect(try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true).tensors.count == gguf.tensors.count)
    }

    @Test func rotaryFactorsAreRecognisedWithoutOurKeys() throws {
        let model = ArchitectureModels.model(
            "llama", "llama",
            [
                "rope_scaling": [
                    "rope_type": "llama3", "factor": .number(32), "low_freq_factor": .number(1), "high_freq_factor": .number(4),
                    "original_max_position_embeddings": 8192,
                ], "rope_theta": .number(500_000), "head_dim": 64, "num_attention_heads": 2,
            ])
        let gguf = try ModelNames.gguf.applied(to: try ArchitectureModels.source(model), strict: true, carryingFiles: false)
        #expect(gguf.tensors[0] == TensorDescriptor(name: "rope_freqs.weight", shape: [32], storage: .raw(.f32)))
        let factors = try gguf.values("rope_freqs.weight")
        #expect(factors.first == 1 && factors.last == 32 && factors == factors.sorted())
        var metadata = gguf.metadata
        metadata.remove("qamw.hf.config")
        let back = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
        let file = try #require(back.files.first { $0.name == "config.json" })
        let scaling = try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")["rope_scaling"]
        #expect(try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")["torch_dtype"] == "bfloat16")
        #expect(scaling?["factor"] == .number(32) && scaling?["original_max_position_embeddings"] == 8192 && scaling?["rope_type"] == "llama3")
    }

    @Test(arguments: [(918_656, "919K"), (5_770_496, "5.8M"), (8_030_261_248, "8.0B"), (135_000_000, "135M"), (1_300_000_000_000, "1.3T"), (70, "0.07K")])
    func sizesAreLabelledAsPeersDo(_ parameters: Int, _ label: String) {
        #expect(GeneralKeys.sizeLabel(parameters: parameters) == label)
    }

    /// Python writes NaN and Infinity, mostly in members that are not used.
    @Test func numbersThatAreNotFiniteMatterWhereTheyAreNeeded() throws {
        for value: JSONValue in [.number(.infinity), .number(.nan)] {
            var source = try ArchitectureModels.source(ArchitectureModels.all[0])
            func set(_ key: String) throws -> MemorySource {
                var config = ArchitectureModels.all[0].config
                config[key] = value
                let members = config.map { JSONValue.Member($0.key, $0.value) }
                source.files = [MemoryFile(name: "config.json", bytes: Array(JSONWriter.text(.object(members), keepingNonFinite: true).utf8))]
                return source
            }
            #expect(try ModelNames.gguf.applied(to: set("initializer_range"), strict: true).warnings.allSatisfy { !$0.contains("config.json") })
            for key in ["rope_theta", "hidden_size", "rms_norm_eps"] {
                let changed = try set(key)
                let error = #expect(throws: QAMError.self) { try ModelNames.gguf.applied(to: changed, strict: true) }
                #expect(
                    error?.message.contains("\"\(key)\" must be") == true && error?.message.contains(JSONWriter.text(value, keepingNonFinite: true)) == true)
            }
        }
    }
}
