import Inference
import QAMFormat
import Testing

/// How tokens are chosen, and that a generator reads no token twice.
@Suite struct SamplerTests {
    private static func counts(_ sampler: Sampler, _ logits: [Double], draws: Int = 4000) -> [Int] {
        var sampler = sampler, counts = Array(repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[sampler.choose(logits)] += 1 }
        return counts
    }

    @Test func theLikeliestIsTakenWithoutTemperature() {
        #expect(Self.counts(.greedy, [1, 3, 3, 2], draws: 10) == [0, 10, 0, 0])
        #expect(Self.counts(Sampler(temperature: 1, topK: 1), [1, 3, 3, 2], draws: 10) == [0, 10, 0, 0])
        #expect(Self.counts(Sampler(temperature: 1), [.nan, -.infinity, 0], draws: 10) == [0, 0, 10])
    }

    /// Frequencies are the softmax of the logits by the temperature.
    @Test(arguments: [0.5, 1, 2]) func frequenciesAreProbabilities(temperature: Double) {
        let logits = [0, 1, 2, -1.0]
        let weights = logits.map { Self.power($0 / temperature) }, total = weights.reduce(0, +)
        let counts = Self.counts(Sampler(temperature: temperature, seed: 7), logits)
        for (count, weight) in zip(counts, weights) { #expect(abs(Double(count) / 4000 - weight / total) < 0.03) }
    }

    @Test func onlyTheLikeliestAreDrawn() {
        let logits = [0, 1, 2, 3.0]
        #expect(Self.counts(Sampler(temperature: 1, topK: 2), logits).map { $0 > 0 } == [false, false, true, true])
        // Probabilities 0.64, 0.24, 0.09, 0.03.
        #expect(Self.counts(Sampler(temperature: 1, topP: 0.8), logits).map { $0 > 0 } == [false, false, true, true])
        #expect(Self.counts(Sampler(temperature: 1, topP: 0.9), logits).map { $0 > 0 } == [false, true, true, true])
        #expect(Self.counts(Sampler(temperature: 1, topP: 0.01), logits).map { $0 > 0 } == [false, false, false, true])
    }

    @Test func aSeedDrawsTheSame() {
        func drawn(_ seed: UInt64) -> [Int] {
            var sampler = Sampler(temperature: 1, seed: seed)
            return (0..<50).map { _ in sampler.choose([0, 0, 0, 0]) }
        }
        #expect(drawn(3) == drawn(3))
        #expect(drawn(3) != drawn(4))
    }

    /// A text that begins like the last one is read from where they differ, with the same result.
    @Test(arguments: Fixture.all) func sharedBeginningsAreReadOnce(fixture: Fixture) throws {
        let model = try fixture.model, tokens = try fixture.tokens, pool = try WorkerPool(width: 1)
        func run(_ generator: Generator, _ prompt: ArraySlice<UInt32>) throws -> [UInt32] {
            var made: [UInt32] = [], sampler = Sampler.greedy
            try generator.run(Array(prompt), count: 4, sampler: &sampler) {
                made.append($0)
                return true
            }
            return made
        }
        let shared = try Generator(model, capacity: 40, pool: pool)
        for count in [5, 20, 20, 8, 30] {
            let fresh = try Generator(model, capacity: 40, pool: pool)
            #expect(try run(shared, tokens.prefix(count)) == run(fresh, tokens.prefix(count)))
        }
    }

    private static func power(_ exponent: Double) -> Double {
        // The series is exact enough for what is compared.
        (1...60).reversed().reduce(1) { 1 + exponent / Double($1) * $0 }
    }
}
