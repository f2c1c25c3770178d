import Quantization
import Converters
import QAMFormat
import Testing

/// Checkpoints quantized by other tools, and plain ones that resemble them.
@Suite struct CheckpointTests {
    typealias Tensors = [(name: String, shape: [Int], dtype: DType)]

    private struct TextFile: EmbeddedFile {
        var name: String
        var text: String
        var byteCount: Int { text.utf8.count }
        func read(_ range: Range<Int>) throws -> [UInt8] { Array(Array(text.utf8)[range]) }
    }

    private static func source(_ tensors: Tensors, config: String? = nil, modelOpt: String? = nil) -> MemorySource {
        var source = MemorySource()
        for tensor in tensors { source.add(tensor.name, tensor.shape, tensor.dtype) }
        if let config { source.files.append(TextFile(name: "config.json", text: config)) }
        if let modelOpt { source.files.append(TextFile(name: "hf_quant_config.json", text: modelOpt)) }
        return source
    }

    private static let plain: Tensors = [("model.embed_tokens.weight", [8, 16], .bf16), ("model.layers.0.q.weight", [16, 16], .bf16)]

    private static let shown: [(method: QuantizationScheme.Method, tensors: Tensors)] = [
        (.fp8, [("a.weight", [16, 16], .f8e4m3), ("a.weight_scale_inv", [1, 1], .f32)]),
        (.fp8, [("a.weight", [16, 16], .f8e4m3), ("a.weight_scale", [], .f32), ("a.input_scale", [], .f32)]),
        (.fp8, [("a.weight_scale", [16, 1], .bf16), ("a.weight", [16, 16], .f8e5m2)]),
        (.fp8, [("experts.gate_up_proj", [2, 16, 16], .f8e4m3), ("experts.gate_up_proj_scale", [2, 1, 16], .f32)]),
        (.fp8, [("w1.weight", [16, 16], .f8e4m3), ("w1.scale", [1, 1], .f8e8m0)]),
        (.fp8, [("a.weight", [16, 16], .f8e4m3), ("a.scale_weight", [], .f32), ("scaled_fp8", [2], .f8e4m3)]),
        (.int8, [("a.weight", [16, 16], .i8), ("a.weight_scale", [16, 1], .bf16)]),
        (.gptq, [("a.qweight", [2, 16], .i32), ("a.qzeros", [1, 2], .i32), ("a.scales", [1, 16], .f16), ("a.g_idx", [16], .i32)]),
        (.gptq, [("a.qweight", [2, 16], .i32), ("a.qzeros", [1, 2], .i32), ("a.scales", [1, 16], .f16)]),
        (.awq, [("a.qweight", [16, 2], .i32), ("a.qzeros", [1, 2], .i32), ("a.scales", [1, 16], .f16)]),
        (.bitsandbytes, [("a.weight", [128, 1], .u8), ("a.weight.absmax", [4], .u8), ("a.weight.quant_map", [16], .f32)]),
        (.bitsandbytes, [("a.weight", [128, 1], .u8), ("a.weight.absmax", [4], .f32), ("a.weight.quant_state.bitsandbytes__nf4", [90], .u8)]),
        (.bitsandbytes, [("a.weight", [16, 16], .i8), ("a.SCB", [16], .f32), ("a.weight_format", [], .u8)]),
        (.mlx, [("a.weight", [16, 2], .u32), ("a.scales", [16, 1], .bf16), ("a.biases", [16, 1], .bf16)]),
        (.mlx, [("a.weight", [16, 2], .u32), ("a.scales", [16, 1], .u8)]),
        (.mxfp4, [("e.down_proj_blocks", [2, 8, 1, 16], .u8), ("e.down_proj_scales", [2, 8, 1], .u8), ("e.down_proj_bias", [2, 8], .bf16)]),
        (.nvfp4, [("a.weight", [16, 8], .u8), ("a.weight_scale", [16, 1], .f8e4m3), ("a.weight_scale_2", [], .f32)]),
        (.compressedTensors, [("a.weight_packed", [16, 2], .i32), ("a.weight_scale", [16, 1], .bf16), ("a.weight_shape", [2], .i64)]),
        (.compressedTensors, [("a.weight_packed", [16, 8], .u8), ("a.weight_scale", [16, 1], .f8e4m3), ("a.weight_global_scale", [1], .f32)]),
        (.other("EXL2"), [("a.q_weight", [2, 16], .i32), ("a.q_scale", [1, 2], .i32), ("a.q_invperm", [16], .i16)]),
        (.other("EXL3"), [("a.trellis", [1, 1, 64], .i16), ("a.suh", [16], .f16), ("a.svh", [16], .f16)]),
        (.other("AQLM"), [("a.codes", [16, 2, 1], .i8), ("a.codebooks", [1, 256, 1, 8], .f16), ("a.scales", [16, 1, 1, 1], .f16)]),
        (.other("QuIP#"), [("a.Qidxs", [16, 2], .i64), ("a.SU", [16], .f16), ("a.SV", [16], .f16)]),
        (.other("HQQ"), [("a.W_q", [8, 16], .u8), ("a.scale", [1, 16], .f16), ("a.zero", [1, 16], .f16)]),
        (.other("packed integers"), [("a.weight", [4, 16], .u8), ("a.weight_scale", [1], .bf16)]),
    ]

    @Test(arguments: shown) func namesAndTypesShowTheMethod(_ example: (method: QuantizationScheme.Method, tensors: Tensors)) throws {
        let scheme = try #require(try QuantizationScheme.detect(in: Self.source(Self.plain + example.tensors)))
        #expect(scheme.method == example.method)
        #expect(scheme.evidence.contains("beside it") && scheme.unconfirmed == nil)
        let refusal = scheme.refusal
        #expect(refusal.code == .unsupported && refusal.message.contains(example.method.title) && refusal.message.contains("BF16"))
        // Neither the names alone nor the scales alone are evidence.
        let floats = example.tensors.filter { $0.shape.count < 2 || $0.dtype == .f32 || $0.dtype == .bf16 }
        #expect(try QuantizationScheme.detect(in: Self.source(Self.plain + floats)) == nil)
    }

    private static let stated: [(config: String, method: QuantizationScheme.Method, format: String?, says: String)] = [
        (
            #"{"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}"#, .fp8, "blocks of 128 x 128",
            #"quantization_config.quant_method = "fp8""#
        ),
        (#"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}"#, .gptq, "4 bits, groups of 128", #""gptq""#),
        (#"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": -1}}"#, .gptq, "4 bits", #""gptq""#),
        (#"{"quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemm"}}"#, .awq, "4 bits", #""awq""#),
        (
            #"{"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false, "bnb_4bit_quant_type": "nf4"}}"#,
            .bitsandbytes, "4 bits, nf4", "bitsandbytes"
        ),
        (#"{"quantization_config": {"load_in_8bit": true}}"#, .bitsandbytes, "8 bits", "load_in_8bit = true"),
        (#"{"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}}"#, .mxfp4, nil, "mxfp4"),
        (#"{"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized"}}"#, .compressedTensors, "pack-quantized", "compressed"),
        (#"{"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}"#, .modelOpt, "NVFP4", "modelopt"),
        (#"{"quantization_config": {"quant_algo": "FP8"}}"#, .modelOpt, "FP8", #"quant_algo = "FP8""#),
        (#"{"quantization": {"group_size": 64, "bits": 4}}"#, .mlx, "4 bits, groups of 64", "quantization.group_size = 64"),
        (#"{"quantization_config": {"group_size": 64, "bits": 8}}"#, .mlx, "8 bits, groups of 64", "group_size"),
        (#"{"text_config": {"hidden_size": 8, "quantization_config": {"quant_method": "awq"}}}"#, .awq, nil, "text_config.quantization_config.quant_method"),
        (
            #"{"thinker_config": {"text_config": {"quantization": {"group_size": 64, "bits": 4}}}}"#, .mlx, "4 bits, groups of 64",
            "thinker_config.text_config.quantization"
        ),
        (#"{"quantization_config": {"quant_method": "hqq", "quant_config": {}}}"#, .other("hqq"), nil, "hqq"),
        (#"{"quantization_config": {"quant_method": "aqlm"}}"#, .other("aqlm"), nil, "aqlm"),
        (#"{"quantization_config": {"quant_method": "vptq"}}"#, .other("vptq"), nil, "vptq"),
        (#"{"quantization_config": {"quant_method": "exl3", "bits": 4.0}}"#, .other("exl3"), nil, "exl3"),
        (#"{"quantization_config": {"quant_method": "bitnet"}}"#, .other("bitnet"), nil, "bitnet"),
        (#"{"quantization_config": {"something": 1}}"#, .other("a method without a name"), nil, "config.json has quantization_config"),
        (#"{"compression_config": {"format": "int-quantized"}}"#, .other("a method without a name"), "int-quantized", "compression_config"),
    ]

    @Test(arguments: stated)
    func theConfigurationSaysTheMethod(_ example: (config: String, method: QuantizationScheme.Method, format: String?, says: String)) throws {
        let scheme = try #require(try QuantizationScheme.detect(in: Self.source(Self.plain, config: example.config)))
        #expect(scheme.method == example.method && scheme.format == example.format)
        #expect(scheme.evidence.contains(example.says), "\(scheme.evidence)")
        #expect(scheme.refusal.message.contains("no tensor looks like it"))
        // Tensors that confirm the configuration make the scheme certain, and an unnamed method gets a name.
        let tensors = Self.plain + [("a.weight", [16, 16], .f8e4m3), ("a.weight_scale", [], .f32)]
        let confirmed = try #require(try QuantizationScheme.detect(in: Self.source(tensors, config: example.config)))
        #expect(confirmed.method == (example.method == .other("a method without a name") ? .fp8 : example.method))
        #expect(confirmed.unconfirmed == nil && !confirmed.refusal.message.contains("no tensor looks like it"))
    }

    @Test func modelOptHasAFileOfItsOwn() throws {
        let text = #"{"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}}"#
        let scheme = try #require(try QuantizationScheme.detect(in: Self.source(Self.plain, config: "{}", modelOpt: text)))
        #expect(scheme.method == .modelOpt && scheme.format == "NVFP4")
        #expect(scheme.unconfirmed == "hf_quant_config.json")
        let beside = try QuantizationScheme.detect(in: Self.source(Self.plain), beside: [TextFile(name: "hf_quant_config.json", text: text)])
        #expect(beside == scheme)
        let cache = #"{"quantization": {"quant_algo": null, "kv_cache_quant_algo": "FP8"}}"#
        #expect(try QuantizationScheme.detect(in: Self.source(Self.plain, modelOpt: cache)) == nil)
    }

    @Test(arguments: [
        #"{}"#, #"{"quantization_config": null}"#, #"{"quantization_config": {}}"#, #"{"quantization": null}"#, #"{"quantization": {}}"#,
        #"{"quantization": "none"}"#, #"{"quantization": false}"#, #"{"quantization": {"enabled": true}}"#, #"{"text_config": {"quantization_config": null}}"#,
        #"{"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": false, "load_in_8bit": false}}"#,
        #"{"quantization_config": {"quant_method": "modelopt", "quant_algo": null, "kv_cache_quant_algo": "FP8"}}"#,
        #"{"audio": {"quantization": {"bits": 4, "group_size": 64}}}"#, #"["quantization_config"]"#, "no JSON",
    ])
    func otherConfigurationsSayNothing(_ config: String) throws {
        #expect(try QuantizationScheme.detect(in: Self.source(Self.plain, config: config)) == nil)
    }

    /// Plain models with scales, with integers, and with float8 without scales.
    @Test(
        arguments: [
            [("logit_scale", [], DType.f32), ("visual.ln_post.scale", [16], .f32), ("norm.weight", [16], .bf16), ("norm.scale", [16], .bf16)],
            [("blocks.0.ls1.gamma", [16], .f32), ("blocks.0.layer_scale", [16], .f32), ("blocks.0.layer_scale.scale", [16, 1], .f32)],
            [("conv.weight", [16, 16], .bf16), ("conv.weight_scale", [16, 1], .bf16), ("conv.scale", [1], .f32), ("conv.scales", [16, 16], .f32)],
            [("a.weight", [16, 16], .f32), ("a.weight_g", [16, 1], .f32), ("a.weight_v", [16, 16], .f32)],
            [("k_proj.weight", [16, 16], .bf16), ("k_proj.k_scale", [], .f32), ("v_proj.weight", [16, 16], .bf16), ("v_proj.v_scale", [], .f32)],
            [("a.weight", [16, 16], .f8e4m3), ("b.weight", [16, 16], .f8e5m2), ("rope.scale", [4], .f32)],
            [("relative_position_index", [16, 16], .i64), ("attn.mask", [16, 16], .u8), ("attn.scale", [4], .f32), ("attn.biases", [4], .f32)],
            [("position_ids", [1, 16], .i32), ("position_scale", [1], .f32), ("embed.weight", [16, 16], .bf16), ("embed.scales", [16, 1], .bf16)],
            [
                ("net.blocks", [4, 4], .f32), ("net_blocks", [4, 4], .f32), ("net_scales", [4], .f32), ("m.indices", [4, 4], .f32),
                ("m.centroids", [4, 4], .f32),
            ],
            [("esm.contact_head.regression.weight", [1, 16], .f32), ("esm.embeddings.token_scale", [1], .f32), ("a.x_packed", [4, 4], .f32)],
        ] as [Tensors])
    func plainModelsAreNotTakenForThem(_ tensors: Tensors) throws {
        #expect(try QuantizationScheme.detect(in: Self.source(tensors, config: #"{"model_type": "llama"}"#)) == nil)
    }

    @Test func whatIsBesideAGGUFIsOfAnotherModel() throws {
        var source = Self.source([("blk.0.attn_q.weight", [32, 256], .withGGMLName("Q4_K"))], config: Self.stated[0].config)
        source.metadata.set("general.architecture", .string("llama"))
        #expect(try QuantizationScheme.detect(in: source) == nil)
        source.add("blk.0.attn_q.scale", [1], .f32)
        #expect(try QuantizationScheme.detect(in: source)?.method == .other("factors beside its matrices"))
        var nvfp4 = Self.source([("blk.0.ffn_up.weight", [32, 64], .withGGMLName("NVFP4")), ("blk.0.ffn_up.scale", [1], .f32)])
        nvfp4.metadata.set("general.architecture", .string("llama"))
        #expect(try QuantizationScheme.detect(in: nvfp4)?.method == .nvfp4)
    }

    /// A model coded by a program that treated quantized values as weights.
    @Test func codedTensorsCountAsWhatTheyWere() async throws {
        let base = Self.source([("a.weight", [16, 64], .f8e4m3), ("a.weight_scale", [], .f32)])
        var zeros = base
        zeros.payloads[0] = [[UInt8](repeating: 0x38, count: 16 * 64)]
        let plan = QuantizationPlan(choices: [0: QuantizationChoice(try Code(.free, bits: 4), seed: 0)])
        let coded = try await QuantizingSource.scanning(zeros, plan: plan, threads: 1)
        #expect(try QuantizationScheme.detect(in: coded)?.method == .fp8)
    }

    @Test func packedModelsAreOurs() throws {
        var source = Self.source(Self.plain, config: "{}")
        let packed = try PackingSource(wrapping: source, carryingFiles: true)
        #expect(try QuantizationScheme.detect(in: packed) == nil)
        source.files = [TextFile(name: "config.json", text: Self.stated[1].config)]
        let carrying = try UnpackingSource(wrapping: PackingSource(wrapping: source, carryingFiles: true))
        #expect(try QuantizationScheme.detect(in: carrying)?.method == .gptq)
    }
}

extension DType {
    fileprivate static func withGGMLName(_ name: String) -> DType { ggml.first { $0.name == name } ?? .u8 }
}
