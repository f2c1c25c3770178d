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
    @Test(arguments: [[], ["--feedback", "columns"], ["--target-bpw", "4.5"], ["--codebook", "trellis", "--effort", "fast", "--bits", "3"]])
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

    @Test func whatDoesNotGoTogetherIsRefused() throws {
        let scratch = try Self.scratch()
        let senseless: [[String]] = [
            ["--calibrate", "--calibration", "stats"], ["--text", "t"], ["--tokens", "text.u16"], ["--context", "64"], ["--windows", "2"],
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
        #expect(unknown.status != 0 && unknown.errors.contains("without --calibrate"))
        #expect(!(try scratch.names).contains("out.qamw"))
    }
}
