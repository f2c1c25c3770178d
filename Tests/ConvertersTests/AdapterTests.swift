import Architectures
import Converters
import QAMFormat
import Testing

/// LoRA adapters: merged by PEFT's rule; anything else is refused by name.
@Suite struct AdapterTests {
    private typealias Tensor = (name: String, shape: [Int], values: [Float])

    private static func values(_ count: Int, _ seed: UInt64) -> [Float] { noise(count, seed: seed).map { (Float($0) - 128) / 64 } }

    private static func file(_ tensors: [Tensor], as dtype: DType = .f32) throws -> [UInt8] {
        var data: [UInt8] = [], entries: [String] = []
        for tensor in tensors {
            let bytes = try ElementConversion.bytes(tensor.values, as: dtype)
            entries.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(dtype.name)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(data.count),\(data.count + bytes.count)]}")
            data += bytes
        }
        return safetensors("{\(entries.joined(separator: ","))}", data: data)
    }

    /// The folder of an adapter. `configuration` holds further members of adapter_config.json.
    private static func adapter(_ folder: ScratchFolder, _ name: String, _ configuration: String, _ tensors: [Tensor], as dtype: DType = .f32) throws -> String
    {
        let path = try folder.folder(name)
        try folder.write(
            "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":6,\"base_model_name_or_path\":\"org/base\"\(configuration)}", "\(name)/adapter_config.json")
        try folder.write(file(tensors, as: dtype), "\(name)/adapter_model.safetensors")
        return path
    }

    private static func pair(_ module: String, out: Int, in width: Int, rank: Int = 2, seed: UInt64 = 1) -> [Tensor] {
        [
            ("base_model.model.\(module).lora_A.weight", [rank, width], values(rank * width, seed)),
            ("base_model.model.\(module).lora_B.weight", [out, rank], values(out * rank, seed + 1)),
        ]
    }

    private static let weight = values(15, 9)
    private static func model(_ dtype: DType = .f32, shape: [Int] = [3, 5]) -> MemorySource {
        var model = MemorySource()
        model.add("model.q.weight", shape, dtype, try? ElementConversion.bytes(weight, as: dtype))
        model.add("model.q.bias", [3], dtype)
        return model
    }

    /// W + factor * B A, computed directly.
    private static func expected(_ pair: [Tensor], factor: Float, of weight: [Float] = weight, out: Int = 3, in width: Int = 5) -> [Float] {
        let rank = pair[0].shape[0], a = pair[0].values, b = pair[1].values
        var result = weight
        for element in 0..<out * width {
            let row = element / width, column = element % width
            var sum: Float = 0
            for k in 0..<rank { sum += b[row * rank + k] * a[k * width + column] }
            result[element] += factor * sum
        }
        return result
    }

    private static func merged(_ model: any TensorSource, _ folders: String...) throws -> any TensorSource { try AdapterFolder.merged(folders, into: model) }

    private func expectClose(
        _ source: any TensorSource, _ tensor: Int, _ expected: [Float], _ tolerance: Float = 1e-5, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let dtype = try #require(source.tensors[tensor].rawType)
        let found = try ElementConversion.floats(payload(source, tensor)[0], as: dtype)
        #expect(found.count == expected.count, sourceLocation: sourceLocation)
        for (one, other) in zip(found, expected) {
            #expect(abs(one - other) <= tolerance * max(1, abs(other)), "\(one) \(other)", sourceLocation: sourceLocation)
        }
    }

    @Test func ranksAndAlphasScaleTheProduct() throws {
        let folder = try ScratchFolder()
        let two = Self.pair("model.q", out: 3, in: 5), six = Self.pair("model.q", out: 3, in: 5, rank: 6)
        let cases: [(configuration: String, pair: [Tensor], factor: Float)] = [
            ("", two, 3), (",\"use_rslora\":true", two, 6 / Float(2).squareRoot()), (",\"rank_pattern\":{\"q\":6}", six, 1),
            (",\"rank_pattern\":{\"model.q\":6},\"alpha_pattern\":{\"o\":1,\"q\":3,\"model.q\":100}", six, 0.5),
            (",\"rank_pattern\":{\"^model\\\\.[qk]\":6},\"alpha_pattern\":{\"el.q\":100}", six, 1),
        ]
        for (index, item) in cases.enumerated() {
            let source = try Self.merged(Self.model(), Self.adapter(folder, "a\(index)", item.configuration, item.pair))
            try expectClose(source, 0, Self.expected(item.pair, factor: item.factor))
            #expect(try payload(source, 1) == payload(Self.model(), 1))
        }
    }

    @Test func roundsOnceToTheTypeOfTheWeight() throws {
        let folder = try ScratchFolder()
        let pair = Self.pair("model.q", out: 3, in: 5), other = Self.pair("model.q", out: 3, in: 5, seed: 5)
        let paths = try [Self.adapter(folder, "a", "", pair, as: .bf16), Self.adapter(folder, "b", "", other, as: .f16)]
        let source = try Self.merged(Self.model(.bf16), paths[0], paths[1])
        let zero = [Float](repeating: 0, count: 15)
        let first = Self.expected(pair, factor: 3, of: zero), second = Self.expected(other, factor: 3, of: zero)
        let expected: [Float] = Self.weight.indices.map { Self.weight[$0] + first[$0] + second[$0] }
        #expect(try payload(source, 0) == [ElementConversion.bytes(expected, as: .bf16)])
        #expect(source.fingerprint != Self.model(.bf16).fingerprint && source.inputs.count == 4)
        // Reading any range of rows, and the borrowed payload, equal reading the whole.
        for rows in [0..<1, 1..<3, 2..<3] {
            let units = rows.lowerBound * 10..<rows.upperBound * 10
            #expect(try source.read(units, of: 0).streams == [Array(payload(source, 0)[0][units])])
            #expect(try source.withElements(units, of: 0) { $0.byteCount } == units.count)
        }
    }

    @Test func transposedWeightsAndEmbeddings() throws {
        let folder = try ScratchFolder()
        // The weight is stored as (in, out): 3 inputs, 5 outputs.
        let pair = Self.pair("model.q", out: 5, in: 3)
        let a = pair[0].values, b = pair[1].values
        var expected = Self.weight
        for element in 0..<15 {
            let row = element / 5, column = element % 5
            for k in 0..<2 { expected[element] += 3 * a[k * 3 + row] * b[column * 2 + k] }
        }
        try expectClose(try Self.merged(Self.model(), Self.adapter(folder, "a", ",\"fan_in_fan_out\":true", pair)), 0, expected)
        let embedding = zip(pair, ["lora_embedding_A", "lora_embedding_B"]).map { ("base_model.model.model.q.\($1)", $0.shape, $0.values) }
        try expectClose(try Self.merged(Self.model(), Self.adapter(folder, "b", "", embedding)), 0, expected)
    }

    @Test func wholeTensorsReplaceTheModels() throws {
        let folder = try ScratchFolder()
        let bias: Tensor = ("base_model.model.model.q.bias", [3], [1, 2, 3])
        let base: Tensor = ("base_model.model.model.q.base_layer.weight", [3, 5], Self.values(15, 20))
        let pair = Self.pair("model.q", out: 3, in: 5)
        let source = try Self.merged(Self.model(.bf16), Self.adapter(folder, "a", ",\"bias\":\"all\"", pair + [bias]))
        #expect(try payload(source, 1) == [ElementConversion.bytes(bias.values, as: .bf16)])
        let both = try Self.merged(Self.model(), Self.adapter(folder, "b", "", pair + [base]))
        try expectClose(both, 0, Self.expected(pair, factor: 3, of: base.values))
        let saved: Tensor = ("base_model.model.model.q.modules_to_save.default.weight", [3, 5], Self.values(15, 21))
        try expectClose(try Self.merged(Self.model(), Self.adapter(folder, "c", "", [saved])), 0, saved.values)
    }

    @Test func whatIsNoPlainLoRAIsRefusedByName() throws {
        let folder = try ScratchFolder()
        let pair = Self.pair("model.q", out: 3, in: 5)
        let cases: [(configuration: String, tensors: [Tensor], word: String)] = [
            (",\"use_dora\":true", pair, "DoRA"), (",\"init_lora_weights\":\"pissa_niter_4\"", pair, "pissa"),
            (",\"target_parameters\":[\"x\"]", pair, "target_parameters"),
            (",\"layer_replication\":[[0,1]]", pair, "layer_replication"), (",\"trainable_token_indices\":[1]", pair, "trainable_token_indices"),
            (",\"rank_pattern\":{\"q\":3}", pair, "rank is 3"), (",\"alpha_pattern\":{\"(?=q)\":3}", pair, "(?=q)"), (",\"r\":8", pair, "repeated"),
            ("", [pair[0]], "only one"), ("", pair + [pair[0]], "given twice"),
            ("", pair + [("base_model.model.model.q.lora_magnitude_vector", [3], [1, 2, 3])], "lora_magnitude_vector"),
            ("", pair + [("base_model.model.model.q.lora_B.bias", [3], [1, 2, 3])], "lora_B.bias"),
            ("", [("base_model.model.model.q.hada_w1_a", [3], [1, 2, 3])], "hada_w1_a"), ("", Self.pair("model.k", out: 3, in: 5), "no tensor model.k.weight"),
            ("", Self.pair("model.q", out: 5, in: 3), "[3, 5]"), ("", Self.pair("model.q", out: 3, in: 5, rank: 3), "rank is 2"),
        ]
        for (index, item) in cases.enumerated() {
            let path = try Self.adapter(folder, "a\(index)", item.configuration, item.tensors)
            #expect("\(item)") {
                try Self.merged(Self.model(), path)
            } throws: { error in
                guard let error = error as? QAMError else { return false }
                return error.description.contains(item.word) && error.place.file?.hasPrefix(path) == true
            }
        }
        let path = try Self.adapter(folder, "x", "", pair)
        for (method, file) in [("IA3", "adapter_config.json"), ("LOHA", "adapter_config.json"), ("VERA", "adapter_config.json")] {
            try folder.write("{\"peft_type\":\"\(method)\"}", "x/\(file)")
            #expect { try AdapterFolder(path) } throws: { ($0 as? QAMError)?.message.contains(method) == true }
        }
        #expect { try AdapterFolder(folder.path) } throws: { ($0 as? QAMError)?.code == .notFound }
    }

    @Test func modelsThatCannotTakeAnAdapter() throws {
        let folder = try ScratchFolder()
        let path = try Self.adapter(folder, "a", "", Self.pair("model.q", out: 3, in: 5))
        func refused(_ model: MemorySource, _ word: String, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(sourceLocation: sourceLocation) {
                try Self.merged(model, path)
            } throws: {
                ($0 as? QAMError)?.message.contains(word) == true
            }
        }
        refused(Self.model(.f8e4m3), "F8_E4M3")
        var tied = MemorySource()
        tied.add("embedding", [3, 5], .f32)
        tied.addAlias("model.q.weight", of: 0)
        refused(tied, "tied to embedding")
        var gguf = Self.model()
        gguf.metadata.set("general.architecture", .string("llama"))
        refused(gguf, "GGUF")
    }

    @Test func anAdapterIsNoModel() throws {
        let folder = try ScratchFolder()
        let path = try Self.adapter(folder, "a", "", Self.pair("model.q", out: 3, in: 5))
        for input in [path, path + "/adapter_model.safetensors"] {
            let model = try ModelInput(path: input, takingFiles: true)
            #expect(model.source.tensors.count == 2)
            #expect { try model.weights() } throws: { ($0 as? QAMError)?.message.contains("--lora") == true }
        }
    }

    /// llama.cpp's adapter format: GGUF's names, interleaved query rows, one alpha.
    @Test func becomesLlamaCppsAdapter() throws {
        let folder = try ScratchFolder()
        let configuration = """
            {"model_type":"llama","vocab_size":7,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2,
            "num_key_value_heads":1,"max_position_embeddings":32,"rms_norm_eps":1e-5,"hidden_act":"silu"}
            """
        try folder.write(configuration, "config.json")
        let q = Self.pair("model.layers.0.self_attn.q_proj", out: 8, in: 8), down = Self.pair("model.layers.0.mlp.down_proj", out: 8, in: 12, rank: 3)
        let a: Tensor = ("base_model.model.model.embed_tokens.lora_embedding_A", [2, 7], Self.values(14, 30))
        let b: Tensor = ("base_model.model.model.embed_tokens.lora_embedding_B", [8, 2], Self.values(16, 31))
        let path = try Self.adapter(folder, "a", ",\"rank_pattern\":{\"down_proj\":3},\"alpha_pattern\":{\"down_proj\":12}", q + down + [a, b])
        let adapter = try AdapterFolder(path).adapter
        let source = try adapter.gguf(for: AdapterFolder.modelConfiguration(of: adapter, in: path, given: folder.path))
        #expect(
            source.tensors.map(\.name) == [
                "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b", "blk.0.ffn_down.weight.lora_a", "blk.0.ffn_down.weight.lora_b",
                "token_embd.weight.lora_a", "token_embd.weight.lora_b",
            ])
        #expect(source.metadata["general.type"] == .string("adapter") && source.metadata["adapter.type"] == .string("lora"))
        #expect(source.metadata["adapter.lora.alpha"] == .float32(6) && source.metadata["general.architecture"] == .string("llama"))
        try expectClose(source, 0, q[0].values)
        // Heads of four rows: 0 2 1 3.
        try expectClose(source, 1, [0, 2, 1, 3, 4, 6, 5, 7].flatMap { q[1].values[$0 * 2..<$0 * 2 + 2] })
        // By the pattern the factor is 12 / 3; llama.cpp computes 6 / 3.
        try expectClose(source, 3, down[1].values.map { $0 * 2 })
        #expect(source.tensors[4].shape == [7, 2])
        try expectClose(source, 4, (0..<14).map { a.values[$0 % 2 * 7 + $0 / 2] })
        try expectClose(source, 5, b.values)
        let other = try Self.adapter(folder, "b", "", q + [("base_model.model.lm_head.weight", [7, 8], Self.values(56, 40))])
        #expect { try AdapterFolder(other).adapter.gguf(for: DiskFile(path: folder.path("config.json"))) } throws: {
            ($0 as? QAMError)?.message.contains("whole tensors") == true
        }
        #expect { try AdapterFolder.modelConfiguration(of: adapter, in: path, given: nil) } throws: { ($0 as? QAMError)?.message.contains("--base") == true }
    }
}
