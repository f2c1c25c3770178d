import Architectures
import Converters
import Testing

@Suite struct EvaluateTests {
    @Test(arguments: ["llama", "mistral", "qwen2", "qwen3"])
    func perplexityIsThatOfAPlainForwardPass(name: String) throws {
        let test = try TestInference(name)
        let found = try #require(try test.perplexity()), wanted = try test.plainPerplexity
        #expect(abs(found / wanted - 1) < 1e-5, "\(found), \(wanted)")
        // In every container: the single file with config.json beside it, .qamw and GGUF.
        #expect(try test.perplexity("m/model.safetensors") == found)
        #expect(try test.scratch.qamw("convert", "m", "m.qamw", "--quiet").status == 0)
        #expect(try test.perplexity("m.qamw") == found)
        #expect(try test.perplexity("m.qamw", "--exact", "--threads", "3") == found)
        #expect(try test.scratch.qamw("convert", "m", "m.gguf", "--quiet").status == 0)
        #expect(try test.perplexity("m.gguf", "--threads", "1") == found)
        #expect(try test.scratch.qamw("convert", "m.gguf", "g.qamw", "--quiet").status == 0)
        #expect(try test.perplexity("g.qamw") == found)
    }

    /// Rows are coded independently, so a file with GGUF's names has the same codes in another order, and the same results.
    @Test(arguments: ["llama", "mistral", "qwen2", "qwen3"])
    func quantizedFilesWithGGUFsNamesRunAlike(name: String) throws {
        let test = try TestInference(name), scratch = test.scratch
        #expect(try scratch.qamw("convert", "m", "m.gguf", "--quiet").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "m.gguf", "g.qamw", "--recipe", "all", "--quiet").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "m", "q.qamw", "--recipe", "all", "--quiet").status == 0)
        let gguf = try scratch.qamw("eval", "g.qamw", "--tokens", "t.u16", "--context", "40", "--json").json
        #expect(gguf["warnings"] == .array([]))
        #expect(try gguf["perplexity"]?.double == test.perplexity("q.qamw", "--threads", "1"))
        #expect(try test.perplexity("g.qamw", "--exact") == test.perplexity("q.qamw", "--exact"))
        // A difference with int8 activations shows that the weights are not decoded.
        #expect(try gguf["perplexity"]?.double != test.perplexity("g.qamw", "--exact"))
        let text = try ["g.qamw", "q.qamw"].map { try scratch.qamw("generate", $0, "--tokens", "t.u16", "--count", "20", "--quiet") }
        #expect(text[0].status == 0 && text[0].output == text[1].output)
        for (model, output) in [("g.qamw", "g.safetensors"), ("q.qamw", "q.safetensors")] {
            #expect(try scratch.qamw("calibrate", model, "--tokens", "t.u16", "--context", "20", "-o", output, "--fisher", "--quiet").status == 0)
        }
        #expect(try scratch.bytes("g.safetensors") == scratch.bytes("q.safetensors"))
    }

    /// Raw tensors of any type, also compressed, give the same results as in the GGUF.
    @Test(arguments: ["bf16", "q8_0"]) func rawFilesWithGGUFsNamesRunAlike(dtype: String) throws {
        let test = try TestInference("llama"), scratch = test.scratch
        #expect(try scratch.qamw("convert", "m", "m.gguf", "--dtype", dtype, "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "m.gguf", "g.qamw", "--quiet").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "m.gguf", "c.qamw", "--exclude", ".", "--compress-raw", "--quiet").status == 0)
        let wanted = try #require(try test.perplexity("m.gguf"))
        for model in ["g.qamw", "c.qamw"] { #expect(try test.perplexity(model) == wanted, "\(model)") }
    }

    @Test func reportsWhatTheContractSays() throws {
        let test = try TestInference("llama")
        #expect(try test.scratch.qamw("quantize", "--plain", "m", "m.qamw", "--quiet").status == 0)
        let outcome = try test.scratch.qamw("eval", "m.qamw", "--tokens", "t.u16", "--context", "10", "--reference", "m", "--json")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["model"]?.text == "m.qamw")
        #expect(json["tokens"]?.integer == 36 && json["context"]?.integer == 10)
        for key in ["perplexity", "referencePerplexity", "kl", "kl99", "klMax", "tokensPerSecond"] {
            #expect(try #require(json[key]?.double) > 0, "\(key)")
        }
        let agreement = try #require(json["top1Agreement"]?.double)
        #expect(agreement > 0.5 && agreement <= 1)
        // The files next to the model cause no warnings here.
        #expect(json["warnings"] == .array([]))

        let words = ["eval", "m", "--tokens", "t.u16", "--context", "10", "--protocol", "llamacpp", "--windows", "2", "--json"]
        let half = try Command.run(words, in: test.scratch).json
        #expect(half["tokens"]?.integer == 8)
        #expect(half["kl"] == nil && half["top1Agreement"] == nil && half["referencePerplexity"] == nil)
        let text = try test.scratch.qamw("eval", "m", "--tokens", "t.u16", "--context", "10", "--reference", "m")
        #expect(text.status == 0 && text.errors.isEmpty)
        #expect(text.output.contains("Perplexity") && text.output.contains("Same top token  100.00%"), "\(text.output)")
        let quiet = try test.scratch.qamw("eval", "m", "--tokens", "t.u16", "--context", "10", "--quiet")
        #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.errors.isEmpty)
    }

    /// An object per model, with the same results as an evaluation of that model alone.
    @Test(arguments: [["--reference", "m"], ["--reference", "m", "--exact"], ["--protocol", "llamacpp"]])
    func severalModelsShareOneRun(more: [String]) throws {
        let test = try TestInference("llama"), scratch = test.scratch
        let models = ["a.qamw", "m", "b.qamw"], text = ["--tokens", "t.u16", "--context", "10"] + more
        #expect(try scratch.qamw("quantize", "--plain", "m", "a.qamw", "--quiet").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "m", "b.qamw", "--bits", "3", "--quiet").status == 0)
        let outcome = try Command.run(["eval"] + models + text + ["--json"], in: scratch)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == models.count)
        for (model, line) in zip(models, lines) {
            let alone = try Command.run(["eval", model] + text + ["--json"], in: scratch).json
            #expect(Self.withoutSpeed(try JSONValue(parsing: Array(line.utf8), section: "output")) == Self.withoutSpeed(alone), "\(model)")
        }
        let table = try Command.run(["eval"] + models + text, in: scratch)
        #expect(table.status == 0 && table.errors.isEmpty)
        let rows = table.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.prefix(4).map { $0.first } == ["MODEL", "a.qamw", "m", "b.qamw"], "\(table.output)")
        #expect(rows[2].last == (more[0] == "--reference" ? "100.00%" : rows[2][1]), "\(table.output)")
        #expect(try Command.run(["eval"] + models + text + ["--quiet"], in: scratch).output.isEmpty)
    }

    private static func withoutSpeed(_ report: JSONValue) -> [JSONValue.Member] {
        guard case .object(let members) = report else { return [] }
        return members.filter { $0.key != "tokensPerSecond" }
    }

    @Test func oneOfSeveralThatDoesNotFitIsNamed() throws {
        let test = try TestInference("llama"), tiny = TestInference.path("wikilm-tiny")
        let cases: [(models: [String], status: Int32, says: String)] = [
            (["m", tiny], 64, "qamw: \(tiny): it has 1024 tokens, but m has 80"), (["m", "nothing"], 66, "qamw: nothing: no such file"),
            ([], 64, "Missing expected argument"),
        ]
        for (models, status, says) in cases {
            let outcome = try Command.run(["eval"] + models + ["--tokens", "t.u16", "--context", "8"], in: test.scratch)
            #expect(outcome.status == status && outcome.errors.contains(says) && outcome.output.isEmpty, "\(models): \(outcome.errors)")
        }
    }

    /// int8 and float32 activations with the same quantized model.
    @Test func activationsOfEightBitsAreCloseToExactOnes() throws {
        let scratch = try Scratch(), tokens = TestInference.path("inference/wikilm-tiny.u16"), model = TestInference.path("wikilm-tiny")
        #expect(try scratch.qamw("quantize", "--plain", model, "m.qamw", "--bits", "5.5", "--recipe", "all", "--quiet").status == 0)
        func evaluate(_ more: String...) throws -> (perplexity: Double, kl: Double) {
            let words = ["eval", "m.qamw", "--tokens", tokens, "--context", "128", "--reference", model, "--json"] + more
            let json = try Command.run(words, in: scratch).json
            return (try #require(json["perplexity"]?.double), try #require(json["kl"]?.double))
        }
        let rounded = try evaluate(), exact = try evaluate("--exact")
        #expect(rounded.perplexity != exact.perplexity)
        #expect(abs(rounded.perplexity / exact.perplexity - 1) < 0.005, "\(rounded), \(exact)")
        #expect(exact.kl > 0.001 && exact.kl < 0.05 && abs(rounded.kl / exact.kl - 1) < 0.2, "\(rounded), \(exact)")
        #expect(try evaluate("--threads", "3") == rounded)
        // The same weights as floats, in another file.
        #expect(try scratch.qamw("convert", "m.qamw", "f/", "--dtype", "f32", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "f", "f.qamw", "--quiet").status == 0)
        let floats = try scratch.qamw("eval", "f.qamw", "--tokens", tokens, "--context", "128", "--json").json
        #expect(floats["perplexity"]?.double == exact.perplexity)
    }

    private static let faults: [(config: [String: JSONValue?], status: Int32, says: String)] = [
        (["model_type": "gpt2"], 65, "cannot be run"), (["model_type": nil], 65, "cannot be run"),
        (["hidden_act": "gelu"], 65, "\"hidden_act\" \"gelu\" cannot be run"), (["vocab_size": nil], 65, "vocab_size"),
        (["vocab_size": 96], 65, "embed_tokens"),
        (["vocab_size": 4294967295], 65, "vocab_size"), (["hidden_size": "64"], 65, "hidden_size"), (["hidden_size": -1], 65, "hidden_size"),
        (["num_attention_heads": 0], 65, "heads"), (["num_key_value_heads": 0], 65, "heads"), (["num_key_value_heads": 3], 65, "does not divide"),
        (["head_dim": 4294967295], 65, "head"), (["head_dim": 15], 65, "60 x 64"), (["num_hidden_layers": 16777216], 65, "model.layers.2"),
        (["rms_norm_eps": 2], 65, "epsilon"), (["rope_theta": 0], 65, "rotary"), (["attention_bias": true], 65, "q_proj.bias"),
        (["rope_scaling": ["type": "linear", "factor": 0]], 65, "rotary"), (["rope_scaling": ["type": "linear"]], 65, "factor"),
        (["rope_scaling": ["rope_type": "dynamic", "factor": 2]], 65, "dynamic"), (["rope_scaling": ["rope_type": "yarn", "factor": 0]], 65, "rotary"),
        (["rope_scaling": "linear"], 65, "rotary scaling"),
        (["partial_rotary_factor": .number(0.5)], 65, "partial rotary"), (["model_type": "mistral", "sliding_window": 0], 65, "sliding window"),
        (["model_type": "qwen2"], 65, "q_proj.bias"), (["model_type": "qwen3"], 65, "512 x 64"), (["tie_word_embeddings": true], 0, ""),
        (["model_type": "mistral", "sliding_window": nil], 0, ""), (["rope_scaling": nil], 0, ""), (["use_sliding_window": true], 0, ""),
    ]

    @Test(arguments: faults.indices)
    func configurationsThatDoNotFitAreErrors(index: Int) throws {
        let (config, status, says) = Self.faults[index]
        let test = try TestInference("llama")
        try test.configure(config)
        let outcome = try test.scratch.qamw("eval", "m", "--tokens", "t.u16", "--context", "8")
        #expect(outcome.status == status, "\(config): \(outcome.errors)")
        #expect(outcome.errors.contains(says), "\(config): \(outcome.errors)")
    }

    @Test func modelsWithoutConfigurationOrTensorsAreErrors() throws {
        let test = try TestInference("llama")
        try test.scratch.remove("m/config.json")
        #expect(try test.scratch.qamw("eval", "m", "--tokens", "t.u16").status == 64)
        let outcome = try test.scratch.qamw("eval", "m", "--tokens", "t.u16", "--context", "8")
        #expect(outcome.status == 65 && outcome.errors.contains("config.json"))
        #expect(try test.scratch.qamw("eval", "nothing", "--tokens", "t.u16", "--context", "8").status == 66)
    }

    @Test func textsThatDoNotFitAreErrors() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        try scratch.write([1, 0, 2], to: "half.u16")
        try scratch.write([1, 0, 2, 0, 3, 0], to: "half.u32")
        try scratch.write([UInt8](), to: "empty.u16")
        try scratch.write([1, 0, 2, 0, 3, 0, 80, 0], to: "beyond.u16")
        try scratch.write([1, 0, 0, 0, 0, 0, 1, 0], to: "beyond.u32")
        let cases: [(file: String, status: Int32, says: String)] = [
            ("half.u16", 65, "whole number"), ("half.u32", 65, "whole number"), ("empty.u16", 65, "no tokens"),
            ("beyond.u16", 65, "token 3 is 80"), ("beyond.u32", 65, "token 1 is 65536"), ("none.u16", 66, "none.u16"),
        ]
        for (file, status, says) in cases {
            for command in [["eval", "m", "--context", "2"], ["generate", "m"], ["calibrate", "m", "--context", "2", "-o", "s.safetensors"]] {
                let outcome = try Command.run(command + ["--tokens", file], in: scratch)
                #expect(outcome.status == status && outcome.errors.contains(says), "\(command) \(file): \(outcome.errors)")
            }
        }
        #expect(!scratch.exists("s.safetensors"))
        for words in [["--context", "41"], ["--context", "1"], ["--context", "0"], ["--windows", "0"], ["--protocol", "other"]] {
            #expect(try Command.run(["eval", "m", "--tokens", "t.u16"] + words, in: scratch).status == 64, "\(words)")
        }
        // 32-bit token ids.
        try scratch.write([5, 0, 0, 0, 17, 0, 0, 0], to: "t.bin")
        #expect(try scratch.qamw("eval", "m", "--tokens", "t.bin", "--context", "2", "--json").json["tokens"]?.integer == 1)
    }

    @Test func aReferenceOfAnotherVocabularyIsAnError() throws {
        let test = try TestInference("llama")
        let outcome = try test.scratch.qamw("eval", "m", "--tokens", "t.u16", "--context", "8", "--reference", TestInference.path("wikilm-tiny"))
        #expect(outcome.status == 64 && outcome.errors.contains("1024"))
    }
}
