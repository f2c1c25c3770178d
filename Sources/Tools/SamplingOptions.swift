internal import ArgumentParser
internal import Inference

/// How tokens are chosen.
struct SamplingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Draw tokens at random, with this temperature; 0 takes the most likely one.", valueName: "t"))
    var temperature = 0.0

    @Option(help: ArgumentHelp("Draw from the n most likely tokens only.", valueName: "n"))
    var topK: Int?

    @Option(help: ArgumentHelp("Draw from the most likely tokens only whose probabilities reach this sum.", valueName: "p"))
    var topP = 1.0

    @Option(help: ArgumentHelp("The seed of the random numbers.", valueName: "n"))
    var seed: UInt64 = 0

    func validate() throws {
        guard temperature.isFinite, temperature >= 0 else { throw ValidationError("--temperature takes a number of at least 0, not \(temperature).") }
        if let topK, topK < 1 { throw ValidationError("--top-k takes a number of at least 1, not \(topK).") }
        guard topP > 0, topP <= 1 else { throw ValidationError("--top-p takes a number above 0, up to 1, not \(topP).") }
        if temperature == 0, topK != nil || topP < 1 { throw ValidationError("--top-k and --top-p take a --temperature above 0.") }
    }

    var sampler: Sampler { Sampler(temperature: temperature, topK: topK, topP: topP, seed: seed) }
}
