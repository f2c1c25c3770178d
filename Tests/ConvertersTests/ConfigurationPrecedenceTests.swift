import Architectures
import Converters
import QAMFormat
import Testing

/// Values that are stated in several places: which one has precedence.
@Suite struct ConfigurationPrecedenceTests {
    private static let llama = ArchitectureModels.all[0]

    private static func gguf(_ changes: [String: JSONValue]) throws -> any TensorSource {
        var source = try ArchitectureModels.source(llama)
        source.files = [ArchitectureModels.configFile(llama.config.merging(changes) { $1 })]
        return try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
    }

    /// The configuration derived from GGUF's metadata alone.
    private static func back(_ gguf: any TensorSource, _ change: (inout Metadata) -> Void) throws -> JSONValue {
        var metadata = Metadata()
        for entry in gguf.metadata.entries where !entry.key.hasPrefix("qamw.") { metadata.set(entry.key, entry.value) }
        change(&metadata)
        let source = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
        let file = try #require(source.files.first { $0.name == "config.json" })
        return try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")
    }

    @Test func rotaryParametersCountBeforeOlderNames() throws {
        let base = { (gguf: any TensorSource) in gguf.metadata["llama.rope.freq_base"] }
        #expect(try base(Self.gguf(["rope_theta": .number(5e5), "rope_parameters": ["rope_type": "default", "rope_theta": .number(1e6)]])) == .float32(1e6))
        #expect(try base(Self.gguf(["rope_theta": .number(5e5), "rope_parameters": ["rope_type": "default"]])) == .float32(5e5))
    }

    /// Loaders use linear scaling if the type is missing, and accept the key of older files.
    @Test func linearScalingNeedsNoType() throws {
        let gguf = try Self.gguf([:])
        for key in ["rope.scaling.factor", "rope.scale_linear"] {
            let scaling = try Self.back(gguf) { $0.set("llama.\(key)", .float32(4)) }["rope_scaling"]
            #expect(scaling == ["rope_type": "linear", "factor": .number(4)], "\(key)")
            #expect(try Self.back(gguf) { $0.set("llama.\(key)", .float32(1)) }["rope_scaling"] == nil)
        }
        #expect(
            try Self.back(gguf) {
                $0.set("llama.rope.scaling.factor", .float32(4))
                $0.set("llama.rope.scaling.type", .string("none"))
            }["rope_scaling"] == nil)
    }

    @Test func tokensBeyondTheVocabularyAreIgnored() throws {
        let config = try Self.back(Self.gguf([:])) {
            $0.set("tokenizer.ggml.bos_token_id", .uint32(.max))
            $0.set("tokenizer.ggml.eos_token_id", .uint32(24))
            $0.set("tokenizer.ggml.padding_token_id", .uint32(23))
        }
        #expect(config["bos_token_id"] == nil && config["eos_token_id"] == nil && config["pad_token_id"] == 23)
    }

    /// transformers 5 computes with a head that differs from the embedding, although the configuration ties them.
    @Test func aTiedHeadThatDiffersIsKept() throws {
        var source = try ArchitectureModels.source(Self.llama)
        source.files = [ArchitectureModels.configFile(Self.llama.config.merging(["tie_word_embeddings": true]) { $1 })]
        let head = try #require(source.tensors.firstIndex { $0.name == "lm_head.weight" })
        let gguf = try ModelNames.gguf.applied(to: source, strict: true, carryingFiles: false)
        #expect(gguf.tensors.contains { $0.name == "output.weight" })
        #expect(gguf.warnings.contains { $0.contains("lm_head.weight differs") && $0.contains("kept") })
        let back = try ModelNames.huggingFace.applied(to: gguf, strict: true)
        let file = try #require(back.files.first { $0.name == "config.json" })
        #expect(try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")["tie_word_embeddings"] == false)
        // A head equal to the embedding is left out.
        let embedding = try #require(source.tensors.firstIndex { $0.name == "model.embed_tokens.weight" })
        source.payloads[head] = source.payloads[embedding]
        #expect(try !ModelNames.gguf.applied(to: source, strict: true).tensors.contains { $0.name == "output.weight" })
    }

    @Test func integersThatGGUFLacksAreNotPromisedToBeConverted() async throws {
        var source = MemorySource()
        source.add("ids", [2], .u64)
        let folder = try ScratchFolder(), output = folder.path("ids.gguf")
        let model = source
        let error = await #expect(throws: QAMError.self) { try await transfer(from: model, to: GGUFSink(output: .file(output)), threads: 1) }
        #expect(error?.code == .unsupported && error?.message.contains("floating-point tensors only") == true)
    }
}
