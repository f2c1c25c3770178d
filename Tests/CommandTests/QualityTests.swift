import Architectures
import Converters
import Foundation
import Testing

/// The measured quality of coded models: perplexity, and KL divergence from the original model. Codes, weights
/// and products are identical on every machine and instruction set, so a changed figure means that the command computes something else. An
/// intended change is recorded here and in docs/quality.md.
@Suite struct QualityTests {
    private struct Figures {
        var perplexity: Double
        var kl: Double
        /// With float32 activations.
        var exactPerplexity: Double
        var exactKL: Double
    }

    private static let model = TestInference.path("wikilm-tiny")
    private static let perplexity = 32.19499816654166
    private static let coded: [(name: String, options: [String], figures: Figures)] = [
        (
            "octant", ["--plain", "--bits", "4.5"],
            Figures(perplexity: 32.439389166631415, kl: 0.046760217753359645, exactPerplexity: 32.438481854168664, exactKL: 0.046103359620533246)
        ),
        (
            "feedback", ["--bits", "4.5", "--calibration", "statistics.safetensors"],
            Figures(perplexity: 33.153586544633846, kl: 0.036809363385712855, exactPerplexity: 33.070616902933956, exactKL: 0.03603713979329341)
        ),
        (
            "free", ["--plain", "--bits", "5.5", "--codebook", "free"],
            Figures(perplexity: 32.196927094834706, kl: 0.01735889701545579, exactPerplexity: 32.143979285961464, exactKL: 0.01605366109102546)
        ),
    ]

    @Test func nothingIsLostThatWasThere() throws {
        let scratch = try Scratch()
        // One half of the text is for statistics, the other for evaluation.
        let text = try TestInference.testdata("inference/wikilm-tiny.u16")
        try scratch.write(Array(text[..<(text.count / 2)]), to: "first.u16")
        try scratch.write(Array(text[(text.count / 2)...]), to: "second.u16")
        let calibrate = ["calibrate", Self.model, "--tokens", "first.u16", "--context", "128", "-o", "statistics.safetensors", "--fisher"]
        try #require(try Command.run(calibrate, in: scratch).status == 0)
        for (name, options, _) in Self.coded {
            try #require(try Command.run(["quantize", Self.model, "\(name).qamw", "--recipe", "linear"] + options, in: scratch).status == 0, "\(name)")
        }
        let files = Self.coded.map { "\($0.name).qamw" }
        let evaluate = ["eval"] + files + ["--reference", Self.model, "--tokens", "second.u16", "--context", "128", "--json"]
        for isExact in [false, true] {
            let outcome = try Command.run(evaluate + (isExact ? ["--exact"] : []), in: scratch)
            try #require(outcome.status == 0, "\(outcome.errors)")
            let reports = try outcome.jsonLines
            try #require(reports.count == Self.coded.count)
            for (report, (name, _, figures)) in zip(reports, Self.coded) {
                func check(_ key: String, _ recorded: Double) throws {
                    let found = try #require(report[key]?.double)
                    #expect(abs(found / recorded - 1) < 1e-4, "\(key) of \(name)\(isExact ? " with exact activations" : ""): \(found), and was \(recorded)")
                }
                #expect(report["model"]?.text == "\(name).qamw")
                try check("referencePerplexity", Self.perplexity)
                try check("perplexity", isExact ? figures.exactPerplexity : figures.perplexity)
                try check("kl", isExact ? figures.exactKL : figures.kl)
            }
        }
    }
}
