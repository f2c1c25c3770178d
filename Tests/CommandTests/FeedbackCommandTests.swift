import Converters
import Foundation
import QAMFormat
import Testing

/// calibrate, and quantize by what it wrote.
@Suite struct FeedbackCommandTests {
    private static func calibrated(hessian: Bool = true) throws -> Scratch {
        let scratch = try Scratch()
        var root = URL(filePath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        for name in ["config.json", "model.safetensors"] {
            let data = try Data(contentsOf: root.appending(path: "testdata/wikilm-tiny/\(name)"))
            try scratch.write([UInt8](data), to: name)
        }
        var text: [UInt8] = []
        for i in 0..<4096 { text += [UInt8(i * i % 251), UInt8(i % 4)] }
        try scratch.write(text, to: "text.u16")
        let arguments = ["calibrate", ".", "--tokens", "text.u16", "--context", "128", "-o", "stats.safetensors"] + (hessian ? ["--hessian"] : [])
        #expect(try Command.run(arguments, in: scratch).status == 0)
        return scratch
    }

    @Test func secondMomentsMeanFeedback() throws {
        let scratch = try Self.calibrated()
        let common = ["quantize", ".", "--bits", "3.5", "--json", "--calibration", "stats.safetensors"]
        let fed = try Command.run(common + ["fed.qamw", "--threads", "1"], in: scratch).json
        #expect(fed["feedback"]?.integer == 28)
        #expect(fed["scaling"] == .null)
        // Threads change nothing, nor does stating the default.
        #expect(try Command.run(common + ["two.qamw", "--threads", "2", "--feedback", "on", "--scaling", "none"], in: scratch).status == 0)
        #expect(try scratch.bytes("fed.qamw") == scratch.bytes("two.qamw"))
        let plain = try Command.run(common + ["off.qamw", "--feedback", "off", "--scaling", "none"], in: scratch).json
        #expect(plain["feedback"]?.integer == 0)
        #expect(try scratch.qamw("quantize", ".", "plain.qamw", "--bits", "3.5").status == 0)
        #expect(try scratch.bytes("off.qamw") == scratch.bytes("plain.qamw"))
        #expect(try #require(fed["nmse"]?.double) > #require(plain["nmse"]?.double))
        // The same sizes, and known before.
        let dry = try Command.run(common + ["dry.qamw", "--dry-run"], in: scratch).json
        #expect(dry["bytes"]?.integer == fed["bytes"]?.integer && dry["bytes"]?.integer == plain["bytes"]?.integer)
    }

    @Test func scalesAreReported() throws {
        let scratch = try Self.calibrated(hessian: false)
        for rule in ["published", "optimal"] {
            let json = try scratch.qamw("quantize", ".", "\(rule).qamw", "--json", "--calibration", "stats.safetensors", "--scaling", rule).json
            #expect(json["feedback"]?.integer == 0)
            let inputs = try #require(json["scaling"]).elements
            #expect(inputs.count == 16)
            #expect(inputs.reduce(0) { $0 + ($1["tensors"]?.elements.count ?? 0) } == 28)
            for input in inputs { #expect(input["used"] == .bool(try #require(input["errorRatio"]?.double) < 1)) }
            if rule == "optimal" { #expect(inputs.allSatisfy { $0["used"] == .bool(true) }) }
            let inspected = try scratch.qamw("inspect", "\(rule).qamw", "--json").json
            let scaled = try #require(inspected["tensors"]).elements.count { $0["encoding"]?["channelScales"] == .bool(true) }
            let used = inputs.filter { $0["used"] == .bool(true) }.reduce(0) { $0 + ($1["tensors"]?.elements.count ?? 0) }
            #expect(scaled == used)
        }
        #expect(try scratch.bytes("published.qamw") != scratch.bytes("optimal.qamw"))
    }

    @Test func imatrixMeansOptimalScaling() throws {
        let scratch = try Self.calibrated(hessian: false)
        func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        // The same statistics, under GGUF's name: the fourth matrix of the first layer alone.
        let statistics = try CalibrationFile(path: scratch.url.path + "/stats.safetensors")
        let matrix = "model.layers.0.self_attn.o_proj.weight", name = Array("blk.0.attn_output.weight".utf8)
        let means = try statistics.meanSquares(of: #require(statistics.input(of: matrix)))
        let entry = word(name.count) + name + word(1) + word(means.count) + means.flatMap { word(Int($0.bitPattern)) }
        try scratch.write(word(1) + entry, to: "imatrix.dat")
        let common = ["quantize", ".", "--json", "--include", "o_proj", "--exclude", "layers.[1-9]|[qkv]_proj|mlp"]
        let weighed = try Command.run(common + ["weighed.qamw", "--calibration", "imatrix.dat"], in: scratch).json
        #expect(weighed["scaling"]?.elements.count == 1)
        #expect(try !#require(weighed["warnings"]).elements.contains { $0.text?.contains("knows nothing") ?? true })
        let known = try Command.run(common + ["known.qamw", "--calibration", "stats.safetensors", "--scaling", "optimal"], in: scratch).json
        #expect(known["scaling"] == weighed["scaling"])
        #expect(try scratch.bytes("weighed.qamw") == scratch.bytes("known.qamw"))
        // It has no E|x|, and knows one of 28 matrices.
        let published = try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "imatrix.dat", "--scaling", "published")
        #expect(published.status != 0 && published.errors.contains("mean |x|"))
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "imatrix.dat").errors.contains("knows nothing of 27 quantized tensors"))
    }

    @Test func wrongStatisticsAreRefused() throws {
        let scratch = try Self.calibrated(hessian: false)
        let model = try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "model.safetensors")
        #expect(model.status != 0 && model.errors.contains("no calibration statistics"))
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--scaling", "optimal").status == 64)
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "none.safetensors").status != 0)
        #expect(!(try scratch.names).contains("out.qamw"))
    }
}
