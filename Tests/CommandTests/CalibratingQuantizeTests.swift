import Architectures
import Foundation
import QAMFormat
import Testing

/// quantize --calibrate: statistics are gathered in the same run.
@Suite struct CalibratingQuantizeTests {
    private static func scratch() throws -> Scratch {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("m"), withIntermediateDirectories: true)
        var root = URL(filePath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        for name in ["config.json", "model.safetensors", "tokenizer.json"] {
            let data = try Data(contentsOf: root.appending(path: "testdata/wikilm-tiny/\(name)"))
            try scratch.write([UInt8](data), to: "m/\(name)")
        }
        var text: [UInt8] = []
        for i in 0..<2048 { text += [UInt8(i * i % 251), UInt8(i % 4)] }
        try scratch.write(text, to: "text.u16")
        return scratch
    }

    /// The weights are those of `calibrate` and `quantize --calibration`, in the order in which they were coded.
    @Test(arguments: [[], ["--feedback", "columns"], ["--bits", "4.5"], ["--codebook", "trellis", "--effort", "fast", "--bits", "3"]])
    func oneRunGivesWhatTwoGive(options: [String]) throws {
        let scratch = try Self.scratch(), text = ["--tokens", "text.u16", "--context", "64"]
        let statistic = options.contains("columns") ? "--hessian" : "--fisher"
        #expect(try Command.run(["calibrate", "m", "-o", "stats", statistic, "--quiet"] + text, in: scratch).status == 0)
        let two = try Command.run(["quantize", "m", "two.qamw", "--calibration", "stats", "--json"] + options, in: scratch).json
        let one = try Command.run(["quantize", "m", "one.qamw", "--calibrate", "--json"] + text + options, in: scratch).json
        #expect(one["calibration"]?["windows"]?.integer == 32 && one["calibration"]?["context"]?.integer == 64 && two["calibration"] == .null)
        #expect(one["feedback"] == two["feedback"] && one["quantized"] == two["quantized"])
        let compared = try scratch.qamw("compare", "one.qamw", "two.qamw", "--max-nmse", "0", "--json")
        #expect(compared.status == 0, "\(compared.errors)")
        #expect(try scratch.qamw("verify", "one.qamw", "--quiet").status == 0)
        // The number of threads changes nothing, nor does it whether rows are read by one or more.
        #expect(try Command.run(["quantize", "m", "three.qamw", "--calibrate", "--threads", "3", "--quiet"] + text + options, in: scratch).status == 0)
        #expect(try scratch.bytes("three.qamw") == scratch.bytes("one.qamw"))
        #expect(try scratch.names.filter { $0.hasSuffix(".partial") }.isEmpty)
    }

    /// convert --dtype codes ggml's block types by statistics of the same run: each tensor as with those of a file.
    @Test(arguments: [["--dtype", "q4_k_m"], ["--dtype", "q5_0", "--feedback", "columns"]])
    func convertCalibratesToo(options: [String]) throws {
        let scratch = try Self.scratch(), text = ["--tokens", "text.u16", "--context", "64"]
        let statistic = options.contains("columns") ? "--hessian" : "--fisher"
        #expect(try Command.run(["calibrate", "m", "-o", "stats", statistic, "--quiet"] + text, in: scratch).status == 0)
        let two = try Command.run(["convert", "m", "two.gguf", "--calibration", "stats", "--json"] + options, in: scratch).json
        let one = try Command.run(["convert", "m", "one.gguf", "--calibrate", "--json"] + text + options, in: scratch).json
        #expect(one["calibration"]?["windows"]?.integer == 32 && two["calibration"] == .null && one["bytes"] == two["bytes"])
        #expect(one["warnings"]?.elements.count == two["warnings"]?.elements.count && one["nmse"]?.double != nil)
        #expect((one["expectedDivergence"] == .null) == options.contains("columns"))
        #expect(try scratch.qamw("compare", "one.gguf", "two.gguf", "--max-nmse", "0").status == 0)
        #expect(try scratch.qamw("verify", "one.gguf").status == 0)
        #expect(try Command.run(["convert", "m", "three.gguf", "--threads", "3", "--quiet"] + text + options, in: scratch).status == 0)
        #expect(try scratch.bytes("three.gguf") == scratch.bytes("one.gguf"))
        for senseless in [["--calibrate", "--dtype", "f16"], ["--calibrate"], ["--dtype", "q4_k", "--calibrate", "--calibration", "stats"]] {
            #expect(try Command.run(["convert", "m", "no.gguf"] + senseless, in: scratch).status == 64)
        }
    }

    /// convert --target-bytes chooses the block types by what errors cost: less of it than one type in as many bytes.
    @Test func typesAreChosenByNeed() throws {
        let scratch = try Self.scratch(), text = ["--tokens", "text.u16", "--context", "64"]
        let one = try Command.run(["convert", "m", "one.gguf", "--dtype", "q5_0", "--pure", "--json"] + text, in: scratch).json
        let bytes = try #require(one["bytes"]?.integer)
        let chosen = try Command.run(["convert", "m", "chosen.gguf", "--target-bytes", "\(bytes)B", "--json"] + text, in: scratch).json
        let size = try scratch.bytes("chosen.gguf").count
        #expect(chosen["bytes"]?.integer == size && size <= bytes && size > bytes * 97 / 100)
        let expected = try [chosen, one].map { try #require($0["expectedDivergence"]?.double) }
        #expect(expected[0] < 0.95 * expected[1])
        let listed = try #require(scratch.qamw("inspect", "chosen.gguf", "--json").json["tensors"]).elements
        let matrices = listed.filter { ($0["shape"]?.elements.count ?? 0) > 1 }
        let types = Set(matrices.compactMap { $0["dtype"]?.text })
        #expect(matrices.count == 29 && types.count > 1 && types.isSubset(of: ["Q4_0", "IQ4_NL", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]), "\(types)")
        #expect(try scratch.qamw("verify", "chosen.gguf").status == 0)
        // Statistics in a file give the same rates, if they are those of the same windows; the dry run knows the size.
        #expect(try Command.run(["calibrate", "m", "-o", "stats", "--fisher", "--quiet"] + text, in: scratch).status == 0)
        let filed = try scratch.qamw("convert", "m", "filed.gguf", "--target-bpw", "6", "--calibration", "stats", "--json").json
        #expect(try #require(filed["bitsPerWeight"]?.double) <= 6)
        let dry = try scratch.qamw("convert", "m", "dry.gguf", "--target-bpw", "6", "--calibration", "stats", "--dry-run", "--json").json
        #expect(dry["bytes"] == filed["bytes"])
        // Long rows take types of 256; a rate out of reach is refused.
        let senseless: [([String], String)] = [
            (["--target-bpw", "2", "--calibration", "stats"], "too few"), (["--target-bpw", "5", "--target-bytes", "1MB"], "exclude"),
            (["--target-bpw", "5", "--dtype", "q4_k"], "--dtype"), (["--target-bpw", "5", "--packed"], "--packed"), (["--target-bpw", "0"], "positive"),
        ]
        for (options, reason) in senseless {
            let refused = try Command.run(["convert", "m", "no.gguf"] + options, in: scratch)
            #expect(refused.status == 64 && refused.errors.contains(reason), "\(options): \(refused.errors)")
        }
        let elsewhere = try scratch.qamw("convert", "m", "no.safetensors", "--target-bpw", "5")
        #expect(elsewhere.status == 64 && elsewhere.errors.contains("GGUF"))
        #expect(try scratch.qamw("calibrate", "m", "-o", "small", "--quiet", "--tokens", "text.u16", "--context", "64").status == 0)
        let without = try scratch.qamw("convert", "m", "no.gguf", "--target-bpw", "6", "--calibration", "small")
        #expect(without.status == 64 && without.errors.contains("chosen by Hessians"))
        #expect(!(try scratch.names).contains { $0.hasPrefix("no.") })
    }

    /// A text is cut by the model's tokenizer.
    @Test func textsCalibrate() throws {
        let scratch = try Self.scratch()
        try scratch.write(Array(String(repeating: "The tower is 324 metres tall, about the same height as a building. ", count: 60).utf8), to: "t.txt")
        let json = try scratch.qamw("quantize", "m", "a.qamw", "--calibrate", "--text", "t.txt", "--context", "32", "--windows", "9", "--json").json
        #expect(json["calibration"]?["windows"]?.integer == 9)
        #expect(try scratch.qamw("tokenize", "m", "--text", "t.txt", "-o", "t.u16").status == 0)
        #expect(try scratch.qamw("quantize", "m", "b.qamw", "--calibrate", "--tokens", "t.u16", "--context", "32", "--windows", "9").status == 0)
        #expect(try scratch.bytes("a.qamw") == scratch.bytes("b.qamw"))
        // The text in the program.
        #expect(try scratch.qamw("quantize", "m", "own.qamw", "--calibrate", "--context", "32", "--windows", "9", "--quiet").status == 0)
        #expect(try scratch.bytes("own.qamw") != scratch.bytes("a.qamw"))
        let dry = try scratch.qamw("quantize", "m", "c.qamw", "--calibrate", "--tokens", "t.u16", "--context", "32", "--dry-run")
        #expect(dry.status == 0 && dry.output.contains("of memory"))
    }

    /// Without options, a model that can be run is calibrated and its rates are chosen, with the size of the usual rate.
    @Test func calibrationIsTheDefault() throws {
        let scratch = try Self.scratch(), few = ["--context", "64", "--windows", "24"]
        let json = try Command.run(["quantize", "m", "a.qamw", "--json"] + few, in: scratch).json
        #expect(json["calibration"]?["windows"]?.integer == 24 && json["feedback"]?.integer == 29 && json["rates"]?["unit"] == "divergence")
        let fixed = try Command.run(["quantize", "m", "b.qamw", "--bits", "5.5", "--json"] + few, in: scratch).json
        #expect(fixed["rates"] == .null && fixed["calibration"]?["windows"]?.integer == 24)
        let bytes = try [json, fixed].map { try #require($0["bytes"]?.integer) }
        #expect(bytes[0] <= bytes[1] && bytes[0] > bytes[1] * 97 / 100)
        let expected = try [json, fixed].map { try #require($0["expectedDivergence"]?.double) }
        #expect(expected[0] > 0 && expected[0] < 0.8 * expected[1])
        // A dry run knows the size, and says how long it will take.
        let dry = try Command.run(["quantize", "m", "c.qamw", "--dry-run", "--json"] + few, in: scratch).json
        #expect(dry["bytes"] == fixed["bytes"] && dry["rates"] == .null && dry["expectedDivergence"] == .null)
        #expect(try #require(dry["calibration"]?["expectedSeconds"]?.double) > 0)
        let text = try Command.run(["quantize", "m", "c.qamw", "--dry-run"] + few, in: scratch)
        #expect(text.output.contains("for statistics") && text.errors.isEmpty)
        let plain = try scratch.qamw("quantize", "m", "p.qamw", "--plain", "--json").json
        #expect(
            plain["calibration"] == .null && plain["feedback"]?.integer == 0 && plain["expectedDivergence"] == .null
                && plain["warnings"]?.elements.isEmpty == true)
    }

    /// The divergence that is expected is about the one that comes, on the same text.
    @Test func theExpectedDivergenceComes() throws {
        let scratch = try Self.scratch()
        try scratch.write(TestInference.testdata("inference/wikilm-tiny.u16"), to: "text.u16")
        let text = ["--tokens", "text.u16", "--context", "128"]
        let json = try Command.run(["quantize", "m", "m.qamw", "--json", "--target-bpw", "4.5"] + text, in: scratch).json
        let found = try Command.run(["eval", "m.qamw", "--reference", "m", "--exact", "--json"] + text, in: scratch).json
        let expected = try #require(json["expectedDivergence"]?.double), kl = try #require(found["kl"]?.double)
        #expect(kl > 0.6 * expected && kl < 2 * expected, "\(expected), and is \(kl)")
    }

    /// What cannot be run is coded without statistics, which is said.
    @Test func modelsThatCannotBeRunAreCodedPlainly() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("quantize", "m", "plain.qamw", "--plain", "--quiet").status == 0)
        // Nothing is left to be coded.
        #expect(try scratch.qamw("quantize", "plain.qamw", "again.qamw", "--exclude", "embed", "--json").json["calibration"] == .null)
        let config = try scratch.bytes("m/config.json")
        try FileManager.default.removeItem(atPath: scratch.path("m/config.json"))
        let alone = try scratch.qamw("quantize", "m", "alone.qamw")
        #expect(alone.status == 0 && alone.errors.contains("without calibration") && alone.errors.contains("config.json"))
        #expect(try scratch.qamw("compare", "alone.qamw", "plain.qamw", "--max-nmse", "0", "--quiet").status == 0)
        // Asked for, it is an error.
        for option in [["--calibrate"], ["--target-bpw", "4.5"], ["--tokens", "text.u16"]] {
            let refused = try Command.run(["quantize", "m", "no.qamw"] + option, in: scratch)
            #expect(refused.status == 65 && refused.errors.contains("config.json"), "\(option): \(refused.errors)")
        }
        try scratch.write(config, to: "m/config.json")
        try FileManager.default.removeItem(atPath: scratch.path("m/tokenizer.json"))
        let wordless = try scratch.qamw("quantize", "m", "wordless.qamw")
        #expect(wordless.status == 0 && wordless.errors.contains("without calibration") && wordless.errors.contains("tokenizer"), "\(wordless.errors)")
        #expect(!(try scratch.names).contains("no.qamw"))
    }

    @Test func whatDoesNotGoTogetherIsRefused() throws {
        let scratch = try Self.scratch()
        let senseless: [[String]] = [
            ["--calibrate", "--calibration", "stats"], ["--text", "t", "--calibration", "stats"], ["--plain", "--calibrate"], ["--plain", "--windows", "2"],
            ["--plain", "--calibration", "stats"], ["--plain", "--target-bpw", "5"], ["--plain", "--target-bytes", "1MB"], ["--plain", "--scaling", "optimal"],
            ["--calibrate", "--text", "t", "--tokens", "text.u16"], ["--calibrate", "--tokens", "text.u16", "--windows", "0"],
            ["--calibrate", "--tokens", "text.u16", "--lora", "a"],
        ]
        for options in senseless {
            #expect(try Command.run(["quantize", "m", "out.qamw"] + options, in: scratch).status == 64, "\(options)")
        }
        let short = try scratch.qamw("quantize", "m", "out.qamw", "--calibrate", "--tokens", "text.u16", "--context", "4096")
        #expect(short.status == 64 && short.errors.contains("smaller --context"))
        try scratch.write(Array(#"{"model_type": "bert", "architectures": ["BertModel"]}"#.utf8), to: "m/config.json")
        let unknown = try scratch.qamw("quantize", "m", "out.qamw", "--calibrate", "--tokens", "text.u16", "--context", "64")
        #expect(unknown.status != 0 && unknown.errors.contains("bert"))
        #expect(!(try scratch.names).contains("out.qamw"))
    }
}
