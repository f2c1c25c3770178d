import Architectures
import Converters
import QAMFormat
import Testing

/// config.json and generation_config.json are restored unchanged, unless GGUF's own keys were edited in between.
@Suite struct KeptConfigTests {
    private static let text = """
        {\r
          "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "vocab_size": 24, "intermediate_size": 48,\r
          "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,\r
          "rope_theta": 10000, "tie_word_embeddings": false, "dtype": "bfloat16", "eos_token_id": [2, 5], "time_limits": [0.0, Infinity, NaN],\r
          "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "mscale": 1.0, "mscale_all_dim": 0.8, "truncate": false}\r
        }
        """
    private static let generation = #"{"do_sample": true, "eos_token_id": [2, 5], "temperature": 0.7, "top_k": 20, "top_p": 0.8, "x": Infinity}"#

    /// A GGUF without side files and with changed metadata.
    private static func gguf(
        _ text: String = text, generation: String? = generation, more: [MemoryFile] = [], _ change: (inout Metadata) -> Void = { _ in }
    ) throws -> any TensorSource {
        var source = try ArchitectureModels.source(ArchitectureModels.all[0])
        source.files = [MemoryFile(name: "config.json", bytes: Array(text.utf8))] + more
        if let generation { source.files.append(MemoryFile(name: "generation_config.json", bytes: Array(generation.utf8))) }
        let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
        var metadata = gguf.metadata
        change(&metadata)
        return MetadataReplacingSource(gguf, metadata: metadata)
    }

    private static func file(_ name: String, _ gguf: any TensorSource) throws -> String? {
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        #expect(!back.metadata.entries.contains { $0.key.hasPrefix("qamw.") || $0.key.hasPrefix("general.sampling.") })
        return try back.files.first { $0.name == name }.map { String(decoding: try $0.read(0..<$0.byteCount), as: UTF8.self) }
    }

    private static func config(_ gguf: any TensorSource) throws -> JSONValue {
        try JSONValue(parsing: Array(#require(try file("config.json", gguf)).utf8), section: "config", takingNonFinite: true)
    }

    @Test func textsComeBackByteForByte() throws {
        let gguf = try Self.gguf()
        #expect(try Self.file("config.json", gguf) == Self.text)
        #expect(try Self.file("generation_config.json", gguf) == Self.generation)
        #expect(gguf.warnings.contains { $0.contains("\"time_limits\"") })
    }

    @Test func keysOfGGUFWinWhereTheyHaveBeenEdited() throws {
        let edited = try Self.config(
            Self.gguf {
                $0.set("llama.context_length", .uint32(1024))
                $0.set("llama.rope.freq_base", .float32(500_000))
                $0.set("tokenizer.ggml.eos_token_id", .uint32(7))
            })
        #expect(edited["max_position_embeddings"] == 1024 && edited["rope_theta"] == .number(500_000) && edited["eos_token_id"] == 7)
        // The rest is unchanged.
        guard case .array(let limits)? = edited["time_limits"], case .number(let last)? = limits.last else { throw QAMError(.malformed, "time_limits") }
        #expect(limits.prefix(2) == [.number(0), .number(.infinity)] && last.isNaN && edited["rms_norm_eps"] == .number(1e-6))
        #expect(edited["rope_scaling"]?["mscale_all_dim"] == .number(0.8) && edited["dtype"] == "bfloat16" && edited["torch_dtype"] == nil)

        let unscaled = try Self.config(
            Self.gguf { metadata in
                for entry in metadata.entries where entry.key.hasPrefix("llama.rope.scaling.") { metadata.remove(entry.key) }
            })
        #expect(unscaled["rope_scaling"] == .null && unscaled["rope_theta"] == 10000)
    }

    @Test func newerAndNestedFormsAreEditedInTheirOwnWay() throws {
        let parameters = Self.text.replacing("\"rope_scaling\": {", with: "\"rope_parameters\": {\"rope_theta\": 10000, ").replacing(
            "\"type\": \"yarn\"", with: "\"rope_type\": \"yarn\"")
        #expect(try Self.file("config.json", Self.gguf(parameters)) == parameters)
        let edited = try Self.config(Self.gguf(parameters) { $0.set("llama.rope.scaling.factor", .float32(8)) })
        #expect(edited["rope_parameters"] == nil && edited["rope_scaling"]?["factor"] == .number(8) && edited["rope_scaling"]?["rope_type"] == "yarn")

        let nested = "{\"model_type\": \"outer\", \"x_config\": {\"y\": 1}, \"text_config\": \(Self.text)}"
        #expect(try Self.file("config.json", Self.gguf(nested)) == nested)
        let inner = try Self.config(Self.gguf(nested) { $0.set("llama.context_length", .uint32(1024)) })
        #expect(inner["text_config"]?["max_position_embeddings"] == 1024 && inner["max_position_embeddings"] == nil)
    }

    @Test func samplingIsWhatLlamaCppReads() throws {
        let gguf = try Self.gguf()
        #expect(gguf.metadata["general.sampling.temp"] == .float32(0.7) && gguf.metadata["general.sampling.top_p"] == .float32(0.8))
        #expect(gguf.metadata["general.sampling.top_k"] == .int32(20) && gguf.metadata["general.sampling.min_p"] == nil)
        let edited = try #require(
            try Self.file(
                "generation_config.json",
                Self.gguf {
                    $0.set("general.sampling.temp", .float32(0.5))
                    $0.set("general.sampling.min_p", .float32(0.05))
                    $0.remove("general.sampling.top_k")
                }))
        let json = try JSONValue(parsing: Array(edited.utf8), section: "generation", takingNonFinite: true)
        #expect(json["temperature"] == .number(0.5) && json["min_p"] == .number(0.05) && json["top_k"] == nil && json["top_p"] == .number(0.8))
        #expect(json["eos_token_id"] == [2, 5] && json["x"] == .number(.infinity))
        // A file of another program: the result follows from its keys.
        let peer = try #require(
            try Self.file(
                "generation_config.json",
                Self.gguf { metadata in
                    for entry in metadata.entries where entry.key.hasPrefix("qamw.") { metadata.remove(entry.key) }
                }))
        let made = try JSONValue(parsing: Array(peer.utf8), section: "generation")
        #expect(made["temperature"] == .number(0.7) && made["do_sample"] == true)
        // Values that are not valid numbers are omitted with a warning.
        let odd = try Self.gguf(generation: #"{"temperature": "warm", "top_k": 1.5, "top_p": NaN}"#)
        #expect(!odd.metadata.entries.contains { $0.key.hasPrefix("general.sampling.") })
        #expect(odd.warnings.filter { $0.hasPrefix("generation_config.json: ") }.count == 3)
        #expect(throws: QAMError.self) { try Self.gguf(generation: "[]") }
    }

    @Test func whatIsKeptIsNotTrusted() throws {
        let good = try Self.config(Self.gguf())
        for bad in [
            "", "[]", "{", "{\"model_type\": \"gemma2\"}", "{\"model_type\": \"llama\"}",
            Self.text.replacing("\"hidden_size\": 32", with: "\"hidden_size\": Infinity"),
        ] {
            let gguf = try Self.gguf { $0.set("qamw.hf.config", .string(bad)) }
            let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
            #expect(back.warnings.contains { $0.hasPrefix("\"qamw.hf.config\" is not used") }, "\(bad)")
            #expect(try Self.config(gguf)["hidden_size"] == good["hidden_size"])
        }
    }

    @Test func typesAndTiesAreThoseOfTheTensors() throws {
        let gguf = try Self.gguf()
        let cast = try GGUFTypes.cast(gguf, to: .f16)
        #expect(try Self.config(cast)["dtype"] == "float16")
        let items = gguf.tensors.enumerated().filter { $1.name != "output.weight" }.map { SelectingSource.Item($1, .base($0)) }
        #expect(try Self.config(SelectingSource(gguf, items: items, metadata: gguf.metadata, files: []))["tie_word_embeddings"] == true)
    }
}

extension JSONValue {
    fileprivate var last: JSONValue? { if case .array(let elements) = self { elements.last } else { nil } }
}
