import Architectures
import Foundation
import Testing

/// Model arguments: caches, folders with unusual names, and files of other kinds.
@Suite struct InputTests {
    private static func folder(_ name: String, in scratch: Scratch) throws {
        try FileManager.default.createDirectory(atPath: scratch.path(name), withIntermediateDirectories: true)
    }

    /// A cached model, whose snapshot consists of links to blobs.
    private static func cache(_ name: String, in scratch: Scratch, commits: [String] = ["abc123"], main: String? = "abc123") throws {
        let root = "hub/\(name)"
        for folder in ["blobs", "refs"] + commits.map({ "snapshots/\($0)" }) { try Self.folder("\(root)/\(folder)", in: scratch) }
        try scratch.write(try TestModel.llama().safetensors, to: "\(root)/blobs/b1")
        try scratch.write(#"{"model_type": "llama"}"#, to: "\(root)/blobs/b2")
        for commit in commits {
            for (link, blob) in [("model.safetensors", "b1"), ("config.json", "b2")] {
                try FileManager.default.createSymbolicLink(
                    atPath: scratch.path("\(root)/snapshots/\(commit)/\(link)"), withDestinationPath: "../../blobs/\(blob)")
            }
        }
        if let main { try scratch.write(main, to: "\(root)/refs/main") }
    }

    private static func inspect(_ model: String, in scratch: Scratch, _ environment: [String: String] = [:]) throws -> Command.Outcome {
        let none = ["HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "HF_HOME": "", "XDG_CACHE_HOME": "", "HOME": scratch.path("nowhere")]
        return try Command.run(["inspect", model, "--json"], in: scratch, environment: none.merging(environment) { $1 })
    }

    @Test func modelsInTheCacheAreFound() throws {
        let scratch = try Scratch()
        try Self.cache("models--some-org--tiny.llama", in: scratch)
        try Self.cache("models--gpt0", in: scratch)
        try Self.folder("home/.cache/huggingface", in: scratch)
        try FileManager.default.createSymbolicLink(atPath: scratch.path("home/.cache/huggingface/hub"), withDestinationPath: scratch.path("hub"))
        let hub = scratch.path("hub"), home = scratch.path("home")
        for environment in [
            ["HF_HUB_CACHE": hub], ["HUGGINGFACE_HUB_CACHE": hub], ["HF_HOME": scratch.path("")], ["XDG_CACHE_HOME": home + "/.cache"], ["HOME": home],
            ["HOME": home, "HF_HUB_CACHE": "~/.cache/huggingface/hub"],
        ] {
            for name in ["some-org/tiny.llama", "gpt0"] {
                let outcome = try Self.inspect(name, in: scratch, environment)
                #expect(outcome.status == 0, "\(environment): \(outcome.errors)")
                #expect(try outcome.json["files"]?.elements.map { $0["name"]?.text } == ["config.json"])
            }
        }
        for root in ["hub/models--some-org--tiny.llama", "hub/models--gpt0/"] { #expect(try Self.inspect(root, in: scratch).status == 0) }
        // An existing path has precedence.
        try Self.folder("some-org/tiny.llama", in: scratch)
        #expect(try Self.inspect("some-org/tiny.llama", in: scratch, ["HF_HUB_CACHE": hub]).status == 66)
    }

    @Test func aModelOfTheCacheHasItsName() throws {
        let inference = try TestInference("llama"), scratch = inference.scratch
        try Self.folder("hub/models--org--name/snapshots", in: scratch)
        try FileManager.default.moveItem(atPath: scratch.path("m"), toPath: scratch.path("hub/models--org--name/snapshots/0123"))
        #expect(try scratch.qamw("convert", "hub/models--org--name", "m.gguf").status == 0)
        #expect(try scratch.qamw("inspect", "m.gguf", "--json").json["metadata"]?["general.name"]?.text == "name")
        #expect(try inference.perplexity("hub/models--org--name") == inference.perplexity("hub/models--org--name/snapshots/0123"))
    }

    @Test func whatIsMissingInTheCacheIsSaid() throws {
        let scratch = try Scratch()
        try Self.cache("models--a--two", in: scratch, commits: ["c1", "c2"], main: nil)
        try Self.cache("models--a--stale", in: scratch, main: "../../../etc")
        try Self.folder("hub/models--a--empty/snapshots", in: scratch)
        let cache = ["HF_HUB_CACHE": scratch.path("hub")]
        for (name, status, words) in [
            ("a/absent", 66, "hf download a/absent"), ("a/empty", 66, "no snapshot"), ("a/two", 65, "2 snapshots"), ("a/stale", 65, "fetch the model again"),
            ("hub", 66, "such as a/empty"), ("absent.gguf", 66, "no such file"), ("a/b/c", 66, "no such file"), ("../a", 66, "no such file"),
        ] {
            let outcome = try Self.inspect(name, in: scratch, cache)
            #expect(outcome.status == status && outcome.errors.contains(words), "\(name): \(outcome.errors)")
        }
    }

    @Test func theOnlyModelOfAFolderIsTaken() throws {
        let scratch = try Scratch()
        let model = try TestModel.llama()
        for (name, format) in [("a", "safetensors"), ("b", "gguf"), ("c", "qamw"), ("d", "gguf"), ("e", "qamw")] {
            try Self.folder(name, in: scratch)
            try scratch.write(model.safetensors, to: "m.safetensors")
            try scratch.write("{}", to: "\(name)/config.json")
            let shards = ["d", "e"].contains(name) ? ["--max-shard-size", "30KB"] : []
            let outcome = try Command.run(["convert", "m.safetensors", "\(name)/My-Model.\(format)", "--names", "keep"] + shards, in: scratch)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let inspected = try scratch.qamw("inspect", name, "--json")
            #expect(inspected.status == 0, "\(name): \(inspected.errors)")
            #expect(try inspected.json["format"]?.text == format && inspected.json["tensors"]?.elements.count == 19)
            #expect(try scratch.qamw("verify", name).status == 0)
        }
        // A projector beside a GGUF does not count as a model; two models are ambiguous.
        try Self.folder("p", in: scratch)
        try scratch.write(model.safetensors, to: "p/model.safetensors")
        #expect(try scratch.qamw("convert", "p", "b/mmproj.gguf").status == 0)
        #expect(try scratch.qamw("inspect", "b").status == 66)
        #expect(try scratch.qamw("metadata", "b/mmproj.gguf", "--set", "general.type=string:mmproj").status == 0)
        #expect(try scratch.qamw("inspect", "b").status == 0)
        let refused = try scratch.qamw("quantize", "--plain", "b/mmproj.gguf", "q.qamw")
        #expect(refused.status == 65 && refused.errors.contains("mmproj"))
    }

    /// A file of the wrong kind is named in the message as what it is.
    @Test func filesInEachOthersPlaceAreNamed() throws {
        let inference = try TestInference("llama"), scratch = inference.scratch
        #expect(try scratch.qamw("calibrate", "m", "--tokens", "t.u16", "--context", "40", "-o", "stats.safetensors").status == 0)
        #expect(try scratch.qamw("convert", "m", "m.gguf").status == 0)
        try scratch.write(String(repeating: "Call me Ishmael. Some years ago, never mind how long. ", count: 20), to: "text.txt")
        try scratch.write(String(repeating: "It is a truth universally acknowledged. ", count: 20), to: "text.u16")
        for (arguments, words) in [
            (["quantize", "text.txt", "q.qamw"], "text file"), (["quantize", "stats.safetensors", "q.qamw"], "--calibration"),
            (["eval", "stats.safetensors", "--tokens", "t.u16", "--context", "8"], "calibration statistics"),
            (["convert", "stats.safetensors", "s.gguf", "--dtype", "f16"], "calibration statistics"), (["quantize", "t.u16", "q.qamw"], "token ids"),
            (["quantize", "m", "q.qamw", "--calibration", "m.gguf"], "this is a model"),
            (["quantize", "m", "q.qamw", "--calibration", "m/model.safetensors"], "this is a model"),
            (["quantize", "m", "q.qamw", "--calibration", "m"], "folder"), (["quantize", "m", "q.qamw", "--calibration", "text.txt"], "text file"),
            (["eval", "m", "--tokens", "text.txt"], "text file"), (["eval", "m", "--tokens", "text.u16"], "text file"),
            (["eval", "m", "--tokens", "m/model.safetensors"], "safetensors file of a model"),
            (["generate", "m", "--tokens", "m.gguf"], "GGUF file of a model"),
            (["generate", "m", "--tokens", "stats.safetensors"], "calibration statistics"), (["calibrate", "m", "--tokens", "m", "-o", "x"], "folder"),
            (["checksum", "--check", "m.gguf"], "GGUF file of a model"), (["verify", "text.txt"], "text file"), (["compare", "m", "text.txt"], "text file"),
        ] {
            let outcome = try Command.run(arguments, in: scratch)
            #expect(outcome.status == 65 || arguments.last == "m", "\(arguments): \(outcome.status)")
            #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
        }
        // Commands that examine any file accept statistics.
        for command in ["inspect", "verify", "checksum"] { #expect(try scratch.qamw(command, "stats.safetensors").status == 0) }
    }

    /// The language model of a multimodal model is evaluated, calibrated and quantized under its own names.
    @Test func theLanguageModelIsRun() throws {
        let inference = try TestInference("llama"), scratch = inference.scratch
        let plain = try inference.perplexity()
        try Self.folder("v", in: scratch)
        let file = try scratch.bytes("m/model.safetensors"), length = Int(file[0]) | Int(file[1]) << 8 | Int(file[2]) << 16
        let header = try JSONValue(parsing: Array(file[8..<8 + length]), section: "header")
        guard case .object(let members) = header, case .object = try JSONValue(parsing: scratch.bytes("m/config.json"), section: "config") else {
            throw Command.Failure(description: "no objects")
        }
        let renamed = members.map { $0.key == "__metadata__" ? $0 : JSONValue.Member("language_model.\($0.key)", $0.value) }
        var text = Array(JSONWriter.text(.object(renamed)).utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        try scratch.write((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + file[(8 + length)...], to: "v/model.safetensors")
        let inner = String(decoding: try scratch.bytes("m/config.json"), as: UTF8.self)
        try scratch.write(#"{"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "text_config": \#(inner)}"#, to: "v/config.json")
        #expect(try inference.perplexity("v") == plain)
        #expect(try scratch.qamw("calibrate", "v", "--tokens", "t.u16", "--context", "40", "-o", "stats").status == 0)
        let quantized = try scratch.qamw("quantize", "v", "v.qamw", "--calibration", "stats", "--json")
        #expect(try quantized.status == 0 && quantized.json["warnings"] == .array([]))
        #expect(try quantized.json["scaling"]?.elements.isEmpty == false)
        #expect(try scratch.qamw("quantize", "m", "m.qamw", "--calibration", "stats").status == 0)
        #expect(try inference.perplexity("v.qamw") == inference.perplexity("m.qamw"))
        #expect(try scratch.qamw("convert", "v", "v.gguf").status == 0 && scratch.qamw("convert", "m", "m.gguf").status == 0)
        for pair in [["v.gguf", "m.gguf"], ["v", "m"], ["v", "m.gguf"], ["v.gguf", "m"]] {
            let outcome = try Command.run(["compare"] + pair + ["--max-nmse", "0"], in: scratch)
            #expect(outcome.status == 0, "\(pair): \(outcome.errors)")
        }
    }
}
