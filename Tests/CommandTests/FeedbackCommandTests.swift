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
        let plain = try Command.run(common + ["off.qamw", "--feedback", "off"], in: scratch).json
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

    @Test func wrongStatisticsAreRefused() throws {
        let scratch = try Self.calibrated(hessian: false)
        let model = try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "model.safetensors")
        #expect(model.status != 0 && model.errors.contains("no calibration statistics"))
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--scaling", "optimal").status == 64)
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "none.safetensors").status != 0)
        #expect(!(try scratch.names).contains("out.qamw"))
    }
}
