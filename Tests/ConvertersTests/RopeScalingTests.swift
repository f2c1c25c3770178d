import Architectures
import Converters
import QAMFormat
import Testing

/// `rope_scaling`, converted to the keys that llama.cpp reads, and warnings about the rest.
@Suite struct RopeScalingTests {
    private static func gguf(_ scaling: JSONValue, of model: Int = 0, _ more: [String: JSONValue] = [:]) throws -> any TensorSource {
        var model = ArchitectureModels.all[model]
        model.config.merge(more) { $1 }
        model.config["rope_scaling"] = scaling
        return try ModelNames.gguf.applied(to: ArchitectureModels.source(model), strict: true, carryingFiles: false)
    }

    private static func yarn(_ more: [(String, JSONValue)] = []) -> JSONValue {
        .object([.init("rope_type", "yarn"), .init("factor", .number(4)), .init("original_max_position_embeddings", 64)] + more.map { .init($0.0, $0.1) })
    }

    /// Loaders multiply by 1 + 0.1 ln 4 themselves.
    @Test(
        arguments: [
            ([("attention_factor", .number(1))], 0.878249), ([("mscale", .number(1)), ("mscale_all_dim", .number(1))], 0.878249),
            ([("mscale", .number(1)), ("mscale_all_dim", .number(0.8))], 0.900165), ([("attention_factor", .number(1.2))], 1.053899),
            // These values equal the loaders' defaults.
            ([], nil), ([("attention_factor", .number(1.1386294361119891))], nil), ([("mscale", .number(1)), ("mscale_all_dim", .number(0))], nil),
            ([("mscale", .number(0.7))], nil),
        ] as [([(String, JSONValue)], Float?)])
    func yarnsFactorOfAttention(more: [(String, JSONValue)], expected: Float?) throws {
        for (model, architecture) in [(0, "llama"), (4, "qwen3")] {
            let gguf = try Self.gguf(Self.yarn(more), of: model)
            guard case .float32(let factor)? = gguf.metadata["\(architecture).rope.scaling.attn_factor"] else {
                #expect(expected == nil && gguf.metadata["\(architecture).rope.scaling.attn_factor"] == nil)
                continue
            }
            #expect(abs(factor - (expected ?? 0)) < 1e-5)
            #expect(gguf.metadata["\(architecture).rope.scaling.yarn_attn_factor"] == nil)
        }
    }

    /// Without the kept configuration in our own files.
    @Test func aPeersYarnComesBack() throws {
        func scaling(_ change: (inout Metadata) -> Void) throws -> JSONValue? {
            let gguf = try Self.gguf(Self.yarn([("attention_factor", .number(1.2))]))
            var metadata = gguf.metadata
            metadata.remove("qamw.hf.config")
            change(&metadata)
            let back = try ModelNames.huggingFace.applied(to: MetadataReplacingSource(gguf, metadata: metadata), strict: true)
            let file = try #require(back.files.first { $0.name == "config.json" })
            return try JSONValue(parsing: try file.read(0..<file.byteCount), section: "config")["rope_scaling"]
        }
        #expect(try scaling { _ in }?["attention_factor"] == .number(1.2))
        let named = try scaling {
            $0.remove("llama.rope.scaling.attn_factor")
            $0.set("llama.rope.scaling.yarn_attn_factor", .float32(1.25))
        }
        #expect(named?["attention_factor"] == .number(1.25))
    }

    @Test(
        arguments: [
            (["rope_type": "dynamic", "factor": .number(2)], "dynamic"), (["rope_type": "unheard-of"], "unheard-of"),
            (["type": "longrope", "long_factor": [1, 1, 1, 1], "short_factor": [1, 1, 1, 1]], "longrope"),
            (["rope_type": "yarn", "factor": 4, "truncate": false], "rope_scaling.truncate"),
            (["rope_type": "yarn", "factor": 4, "beta_fast": 16], "rope_scaling.beta_fast"),
            (["rope_type": "linear", "factor": 4, "strength": 2], "rope_scaling.strength"),
        ] as [(JSONValue, String)])
    func whatLoadersDoNotDoIsToldOf(scaling: JSONValue, name: String) throws {
        #expect(try Self.gguf(scaling).warnings.filter { $0.contains(name) }.count == 1)
    }

    @Test func whatLoadersDoIsNot() throws {
        for scaling: JSONValue in [
            Self.yarn([("truncate", true), ("beta_fast", 32), ("beta_slow", 1)]), ["rope_type": "linear", "factor": 4], ["rope_type": "default"],
        ] {
            #expect(try !Self.gguf(scaling).warnings.contains { $0.contains("config.json") })
        }
    }

    @Test(
        arguments: [
            ["rope_type": "yarn"], ["rope_type": "yarn", "factor": 0], ["rope_type": "yarn", "factor": .number(.infinity)],
            ["rope_type": "yarn", "factor": 4, "attention_factor": 0], ["rope_type": "yarn", "factor": 4, "attention_factor": "x"],
            ["rope_type": "yarn", "factor": .number(1e30), "mscale": .number(-1), "mscale_all_dim": 1], ["factor": 4], ["rope_type": "linear", "factor": -1],
        ] as [JSONValue])
    func numbersThatMakeNoSenseAreRefused(scaling: JSONValue) throws {
        let error = #expect(throws: QAMError.self) { try Self.gguf(scaling) }
        #expect(error?.place.file == "config.json" && error?.message.contains("rope_scaling") == true)
    }

    @Test func phi3TakesItsOwnFactorOfAttention() throws {
        let lists: [JSONValue.Member] = ["long_factor", "short_factor"].map { .init($0, [1, 1, 1, 1]) }
        let own = try Self.gguf(.object([.init("type", "longrope"), .init("attention_factor", .number(1.5))] + lists), of: 7)
        #expect(own.metadata["phi3.rope.scaling.attn_factor"] == .float32(1.5))
    }

    /// Keys that affect results and have no GGUF equivalent are reported by name; keys without effect are ignored.
    @Test func keysThatAreLeftOutAreNamed() throws {
        func warnings(_ more: [String: JSONValue], of model: Int = 3) throws -> [String] {
            var model = ArchitectureModels.all[model]
            model.config.merge(more) { $1 }
            return try ModelNames.gguf.applied(to: ArchitectureModels.source(model), strict: true).warnings.filter { $0.contains("config.json") }
        }
        let named = try warnings(["dual_chunk_attention_config": ["chunk_size": 64], "residual_multiplier": .number(0.5)])
        #expect(named.count == 1 && named[0].contains("\"dual_chunk_attention_config\"") && named[0].contains("\"residual_multiplier\""))
        let harmless: [String: JSONValue] = [
            "dual_chunk_attention_config": .null, "use_mrope": false, "attention_dropout": .number(0.1), "architectures": ["A"], "transformers_version": "5",
            "torch_dtype": "bfloat16", "eos_token_id": 2, "max_window_layers": 21, "sliding_window": 4096, "use_sliding_window": false, "pruned_heads": [:],
            "unsloth_fixed": true, "transformers.js_config": ["a": 1], "layer_types": ["full_attention", "full_attention"],
        ]
        #expect(try warnings(harmless).isEmpty)
        for (index, model) in ArchitectureModels.all.enumerated() { #expect(try warnings([:], of: index).isEmpty, "\(model)") }
        // Windows that loaders ignore.
        #expect(try warnings(["sliding_window": 100], of: 2).contains { $0.contains("\"sliding_window\" is 100") })
        #expect(try warnings(["sliding_window": 100], of: 7).contains { $0.contains("\"sliding_window\" is 100") })
    }
}
