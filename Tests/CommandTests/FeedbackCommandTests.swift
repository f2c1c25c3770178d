import Architectures
import Quantization
import Converters
import Foundation
import QAMFormat
import Testing

/// calibrate, and quantize with its statistics.
@Suite struct FeedbackCommandTests {
    private static func calibrated(hessian: Bool = true, fisher: Bool = false) throws -> Scratch {
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
        let arguments =
            ["calibrate", ".", "--tokens", "text.u16", "--context", "128", "-o", "stats.safetensors"] + (fisher ? ["--fisher"] : hessian ? ["--hessian"] : [])
        #expect(try Command.run(arguments, in: scratch).status == 0)
        return scratch
    }

    @Test func secondMomentsMeanFeedback() throws {
        let scratch = try Self.calibrated()
        let common = ["quantize", ".", "--bits", "3.5", "--json", "--calibration", "stats.safetensors"]
        let fed = try Command.run(common + ["fed.qamw", "--threads", "1"], in: scratch).json
        #expect(fed["feedback"]?.integer == 28)
        #expect(fed["scaling"] == .null)
        // Neither the number of threads nor stating the defaults changes the output.
        #expect(try Command.run(common + ["two.qamw", "--threads", "2", "--feedback", "on", "--scaling", "none"], in: scratch).status == 0)
        #expect(try scratch.bytes("fed.qamw") == scratch.bytes("two.qamw"))
        let plain = try Command.run(common + ["off.qamw", "--feedback", "off", "--scaling", "none"], in: scratch).json
        #expect(plain["feedback"]?.integer == 0)
        #expect(try scratch.qamw("quantize", ".", "plain.qamw", "--plain", "--bits", "3.5").status == 0)
        #expect(try scratch.bytes("off.qamw") == scratch.bytes("plain.qamw"))
        #expect(try #require(fed["nmse"]?.double) > #require(plain["nmse"]?.double))
        // The same sizes, known in advance.
        let dry = try Command.run(common + ["dry.qamw", "--dry-run"], in: scratch).json
        #expect(dry["bytes"]?.integer == fed["bytes"]?.integer && dry["bytes"]?.integer == plain["bytes"]?.integer)
    }

    /// ggml's block types: bytes depend on the statistics alone, and predictions are closer to the model's.
    @Test(arguments: ["q4_0", "q5_k"]) func blockTypesTakeFeedback(dtype: String) throws {
        let scratch = try Self.calibrated(fisher: true)
        let statistics = ["--calibration", "stats.safetensors"]
        func converted(_ file: String, _ arguments: [String]) throws -> [UInt8] {
            let outcome = try Command.run(["convert", ".", file, "--dtype", dtype, "--pure"] + arguments, in: scratch)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try scratch.bytes(file)
        }
        let both = try converted("both.gguf", statistics + ["--threads", "1"])
        #expect(try converted("again.gguf", statistics + ["--threads", "3", "--feedback", "on"]) == both)
        let columns = try converted("columns.gguf", statistics + ["--feedback", "columns"]),
            off = try converted("off.gguf", statistics + ["--feedback", "off"])
        let plain = try converted("plain.gguf", [])
        #expect(Set([both, columns, off, plain]).count == 4 && Set([both, columns, off, plain].map(\.count)).count == 1)
        func divergence(_ file: String) throws -> Double {
            let found = try Command.run(
                ["eval", file, "--tokens", "text.u16", "--context", "128", "--windows", "8", "--reference", ".", "--json"], in: scratch)
            return try #require(try found.json["kl"]?.double, "\(found.errors)")
        }
        let found = try ["plain.gguf", "columns.gguf", "both.gguf"].map(divergence)
        #expect(found[1] < found[0] && found[2] < found[1], "\(found)")
        #expect(try scratch.qamw("verify", "both.gguf").status == 0)

        // An imatrix or statistics without Hessians weigh errors only, and do not know what those of the embedding cost.
        #expect(try Command.run(["calibrate", ".", "--tokens", "text.u16", "--context", "128", "-o", "means.safetensors"], in: scratch).status == 0)
        _ = try converted("means.gguf", ["--calibration", "means.safetensors"])
        let compared = try scratch.qamw("compare", "means.gguf", "off.gguf", "--json").json
        let differing = try #require(compared["tensors"]).elements.filter { $0["nmse"]?.double != 0 }.compactMap { $0["name"]?.text }
        #expect(differing == ["token_embd.weight"])
        let refused = try scratch.qamw("convert", ".", "x.gguf", "--dtype", dtype, "--feedback", "on")
        #expect(refused.status != 0 && refused.errors.contains("--feedback takes a --calibrate or --calibration"))
    }

    /// Every codec supports feedback and channel scales.
    @Test func otherCodecsTakeFeedbackAndScales() throws {
        let scratch = try Self.calibrated(fisher: true)
        func divergence(_ arguments: [String], exact: Bool = true) throws -> Double {
            #expect(try Command.run(["quantize", ".", "q.qamw", "--force", "--quiet"] + arguments, in: scratch).status == 0, "\(arguments)")
            #expect(try scratch.qamw("verify", "q.qamw", "--quiet").status == 0)
            let found = try Command.run(
                ["eval", "q.qamw", "--tokens", "text.u16", "--context", "128", "--windows", "8", "--reference", ".", "--json"] + (exact ? ["--exact"] : []),
                in: scratch)
            return try #require(try found.json["kl"]?.double)
        }
        let statistics = ["--calibration", "stats.safetensors"]
        for code in [["--codebook", "polar", "--bits", "3.5"], ["--codebook", "int8"]] {
            let plain = try divergence(code + ["--plain"]), columns = try divergence(code + statistics + ["--feedback", "columns"])
            let both = try divergence(code + statistics)
            #expect(columns < 0.9 * plain && both < columns, "\(code): \(plain), \(columns), \(both)")
        }
        let target = ["--codebook", "polar", "--target-bpw", "4"] + statistics
        #expect(try divergence(target) < divergence(["--codebook", "polar", "--bits", "3.5"] + statistics))
        // int8 rows are intended for int8 activations.
        let rounded = try divergence(["--codebook", "int8"], exact: false), exact = try divergence(["--codebook", "int8"])
        #expect(rounded > exact)
        let smooth = try Command.run(
            ["quantize", ".", "s.qamw", "--codebook", "int8", "--scaling", "smooth", "--feedback", "off", "--json"] + statistics, in: scratch)
        let inputs = try #require(try smooth.json["scaling"]).elements
        #expect(inputs.count == 17 && inputs.allSatisfy { $0["used"] == .bool(true) && $0["errorRatio"] == .null })
        #expect(try scratch.qamw("verify", "s.qamw", "--quiet").status == 0)
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
        // The same statistics under GGUF's name, for the fourth matrix of the first layer only.
        let statistics = try CalibrationFile(StatisticsFile.open(scratch.url.path + "/stats.safetensors"))
        let matrix = "model.layers.0.self_attn.o_proj.weight", name = Array("blk.0.attn_output.weight".utf8)
        let means = try statistics.meanSquares(of: #require(statistics.input(of: matrix)))
        let entry = word(name.count) + name + word(1) + word(means.count) + means.flatMap { word(Int($0.bitPattern)) }
        try scratch.write(word(1) + entry, to: "imatrix.dat")
        let common = ["quantize", ".", "--json", "--include", "o_proj", "--exclude", "layers.[1-9]|[qkv]_proj|mlp"]
        let weighed = try Command.run(common + ["weighed.qamw", "--calibration", "imatrix.dat"], in: scratch).json
        #expect(weighed["scaling"]?.elements.count == 1)
        #expect(try !#require(weighed["warnings"]).elements.contains { $0.text?.contains("has no statistics") ?? true })
        let known = try Command.run(common + ["known.qamw", "--calibration", "stats.safetensors", "--scaling", "optimal"], in: scratch).json
        #expect(known["scaling"] == weighed["scaling"])
        #expect(try scratch.bytes("weighed.qamw") == scratch.bytes("known.qamw"))
        // It lacks E|x|, and covers one of 28 matrices.
        let published = try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "imatrix.dat", "--scaling", "published")
        #expect(published.status != 0 && published.errors.contains("mean |x|"))
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "imatrix.dat").errors.contains("has no statistics for 27 quantized tensors"))
    }

    @Test func momentsOfOutputsMeanFeedbackIntoRows() throws {
        let scratch = try Self.calibrated(fisher: true)
        let common = ["quantize", ".", "--bits", "3.5", "--json", "--calibration", "stats.safetensors"]
        let both = try Command.run(common + ["both.qamw", "--threads", "1"], in: scratch).json
        #expect(both["feedback"]?.integer == 29)
        #expect(try Command.run(common + ["two.qamw", "--threads", "2"], in: scratch).status == 0)
        #expect(try scratch.bytes("both.qamw") == scratch.bytes("two.qamw"))
        let columns = try Command.run(common + ["columns.qamw", "--feedback", "columns"], in: scratch).json
        #expect(columns["bytes"] == both["bytes"] && columns["feedback"]?.integer == 29)
        #expect(try scratch.bytes("columns.qamw") != scratch.bytes("both.qamw"))
        #expect(try scratch.qamw("verify", "both.qamw").status == 0)
    }

    /// The weights of a model as floats, by Hugging Face names.
    private static func weights(_ model: String, in scratch: Scratch) throws -> [String: [Float]] {
        #expect(try scratch.qamw("convert", model, "f.safetensors", "--names", "hf", "--dtype", "f32", "--force", "--quiet").status == 0)
        let source = try SafetensorsSource(path: scratch.path("f.safetensors"))
        return try Dictionary(
            uniqueKeysWithValues: source.tensors.indices.map { index in
                let bytes = try source.read(0..<source.tensors[index].byteCount, of: index).streams[0]
                return (source.tensors[index].name, try ElementConversion.floats(bytes, as: .f32))
            })
    }

    /// tr(G E H ET) for the errors E of a matrix.
    private static func cost(_ matrix: String, _ errors: [Float], _ statistics: CalibrationFile) throws -> Double {
        let input = try #require(statistics.input(of: matrix)), rows = try #require(statistics.outputCount(of: matrix))
        let columns = statistics.inputs[input].width
        let h = try statistics.hessian(of: input, rows: 0..<columns), g = try statistics.outputHessian(of: matrix, rows: 0..<rows)
        var ge = errors.map { _ in Float(0) }, eh = ge
        for i in 0..<rows {
            for k in 0..<rows { for j in 0..<columns { ge[i * columns + j] += g[i * rows + k] * errors[k * columns + j] } }
            for k in 0..<columns { for j in 0..<columns { eh[i * columns + j] += errors[i * columns + k] * h[k * columns + j] } }
        }
        return zip(ge, eh).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    /// The query and key rows in GGUF are in another order than in the statistics.
    @Test func momentsOfOutputsServeModelsWithGGUFsNames() throws {
        let scratch = try Self.calibrated(fisher: true)
        #expect(try scratch.qamw("convert", ".", "m.gguf", "--quiet").status == 0)
        let common = ["--json", "--calibration", "stats.safetensors", "--bits", "3.5"]
        for (model, output, more) in [(".", "hf.qamw", []), ("m.gguf", "gguf.qamw", []), ("m.gguf", "columns.qamw", ["--feedback", "columns"])] {
            let json = try Command.run(["quantize", model, output] + common + more, in: scratch).json
            #expect(json["feedback"]?.integer == 29)
        }
        let statistics = try CalibrationFile(StatisticsFile.open(scratch.path("stats.safetensors")))
        let original = try Self.weights("m.gguf", in: scratch), models = try ["hf.qamw", "gguf.qamw", "columns.qamw"].map { try Self.weights($0, in: scratch) }
        for matrix in ["q", "k", "v"].map({ "model.layers.1.self_attn.\($0)_proj.weight" }) {
            let plain = try #require(original[matrix])
            let costs = try models.map { model in try Self.cost(matrix, zip(plain, #require(model[matrix])).map { $0 - $1 }, statistics) }
            #expect(abs(costs[1] / costs[0] - 1) < 0.02 && costs[2] > 1.05 * costs[0], "\(matrix): \(costs)")
        }
        let rates = try [".", "m.gguf"].map { model in
            try scratch.qamw("quantize", model, "r.qamw", "--json", "--calibration", "stats.safetensors", "--target-bpw", "4.6", "--dry-run").json["rates"]
        }
        #expect(rates.allSatisfy { $0?["unit"]?.text == "divergence" && $0?["tensors"]?.elements.count == 29 })
        let expected = try rates.map { try #require($0?["expected"]?.double) }
        #expect(abs(expected[1] / expected[0] - 1) < 0.05, "\(expected)")
    }

    @Test(arguments: [(true, "divergence"), (false, "outputError")])
    func ratesMeetTheTarget(fisher: Bool, unit: String) throws {
        let scratch = try Self.calibrated(hessian: false, fisher: fisher)
        let common = ["quantize", ".", "--json", "--calibration", "stats.safetensors", "--target-bpw"]
        // Without token weights the embedding stays raw, with 16 bits.
        let target = fisher ? 4.6 : 6.4, count = fisher ? 29 : 28
        let json = try Command.run(common + ["\(target)", "out.qamw"], in: scratch).json
        let bits = try #require(json["bitsPerWeight"]?.double)
        #expect(bits <= target && bits > target - 0.2)
        let rates = try #require(json["rates"]), tensors = try #require(rates["tensors"]).elements
        #expect(rates["unit"] == .string(unit) && tensors.count == count)
        #expect(abs((rates["target"]?.double ?? 0) - target) < 1e-4)
        #expect(Set(tensors.compactMap { $0["bits"]?.double }).count > 1)
        let expected = tensors.reduce(0) { $0 + ($1["expected"]?.double ?? .nan) }
        #expect(abs(expected - (rates["expected"]?.double ?? .nan)) < 1e-9 * expected)
        // They agree with those of the file.
        let inspected = try #require(scratch.qamw("inspect", "out.qamw", "--json").json["tensors"]).elements
        for tensor in tensors {
            let stored = inspected.first { $0["name"] == tensor["name"] }
            #expect(stored?["encoding"]?["bits"] == tensor["bits"], "\(tensor)")
        }
        let dry = try Command.run(common + ["\(target)", "dry.qamw", "--dry-run"], in: scratch).json
        #expect(dry["rates"] == rates && dry["bytes"] == json["bytes"])
        let text = try scratch.qamw("quantize", ".", "dry.qamw", "--calibration", "stats.safetensors", "--target-bpw", "\(target)", "--dry-run")
        #expect(text.output.contains("TENSOR") && text.output.contains("model.layers.3.mlp.down_proj.weight"))
        // A lower rate increases the error; a rate given for a tensor is kept.
        let lower = try Command.run(common + ["\(target - 1)", "low.qamw", "--include", "q_proj=6.5"], in: scratch).json
        #expect(try #require(lower["bitsPerWeight"]?.double) <= target - 1 && lower["rates"]?["tensors"]?.elements.count == count - 4)
        let own = try #require(scratch.qamw("inspect", "low.qamw", "--json").json["tensors"]).elements.filter { $0["name"]?.text?.contains("q_proj") == true }
        #expect(own.count == 4 && own.allSatisfy { $0["encoding"]?["bits"]?.double == 6.5 })
        let impossible = try scratch.qamw("quantize", ".", "no.qamw", "--calibration", "stats.safetensors", "--target-bpw", "1.9")
        #expect(impossible.status == 64 && impossible.errors.contains("too few"))
        let size = try Command.run(Array(common.dropLast()) + ["--target-bytes", fisher ? "450KB" : "700KB", "sized.qamw"], in: scratch).json
        let bytes = try scratch.bytes("sized.qamw").count, limit = fisher ? 450_000 : 700_000
        #expect(size["bytes"]?.integer == bytes && bytes <= limit && bytes > limit * 97 / 100)
    }

    @Test func targetsWithoutKnowledgeAreRefused() throws {
        let scratch = try Self.calibrated(hessian: false)
        for target in [["--target-bpw", "4.5"], ["--target-bytes", "1MB"]] {
            #expect(try Command.run(["quantize", ".", "out.qamw", "--plain"] + target, in: scratch).status == 64)
        }
        let both = try scratch.qamw("quantize", ".", "out.qamw", "--target-bpw", "4.5", "--bits", "4.5", "--calibration", "stats.safetensors")
        #expect(both.status == 64 && both.errors.contains("exclude each other"))
        let unknown = try scratch.qamw("quantize", ".", "out.qamw", "--target-bpw", "4.5", "--calibration", "stats.safetensors", "--include", "embed")
        #expect(unknown.status != 0 && unknown.errors.contains("model.embed_tokens.weight"))
        #expect(!(try scratch.names).contains("out.qamw"))
    }

    @Test func wrongStatisticsAreRefused() throws {
        let scratch = try Self.calibrated(hessian: false)
        let model = try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "model.safetensors")
        #expect(model.status != 0 && model.errors.contains("this is a model, not a file of calibration statistics"))
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--plain", "--scaling", "optimal").status == 64)
        #expect(try scratch.qamw("quantize", ".", "out.qamw", "--calibration", "none.safetensors").status != 0)
        #expect(!(try scratch.names).contains("out.qamw"))
    }
}
