import Converters
import Foundation
import Inference
import QAMFormat
import Testing

/// The results of an evaluation, compared with their definitions.
@Suite struct EvaluationTests {
    /// Direct computation of the results from the logits of a text's windows.
    private struct Plain {
        var losses: [Double] = [], divergences: [Double] = [], agreements = 0

        init(_ logits: [Float], _ reference: [Float], vocabulary: Int, targets: [Int?]) {
            for (t, target) in targets.enumerated() {
                guard let target else { continue }
                let x = Self.logProbabilities(logits, t, vocabulary), r = Self.logProbabilities(reference, t, vocabulary)
                losses.append(-x[target])
                divergences.append(zip(r, x).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) })
                if x.indices.max(by: { x[$0] < x[$1] }) == r.indices.max(by: { r[$0] < r[$1] }) { agreements += 1 }
            }
        }

        static func logProbabilities(_ logits: [Float], _ t: Int, _ vocabulary: Int) -> [Double] {
            let row = logits[t * vocabulary..<(t + 1) * vocabulary].map(Double.init)
            let norm = log(row.reduce(0) { $0 + exp($1) })
            return row.map { $0 - norm }
        }
    }

    @Test(arguments: [Evaluator.Counting.windows, .llamacpp], [5, 8, 20])
    func figuresAreThoseOfTheirDefinitions(counting: Evaluator.Counting, context: Int) throws {
        let fixture = Fixture.all[0], other = Fixture.all[2]
        let model = try fixture.model, reference = try other.model, tokens = try fixture.tokens
        let evaluator = try Evaluator([model], reference: reference, context: context, counting: counting, pool: WorkerPool(width: 2))
        var steps: [Int] = []
        let found = try #require(
            try evaluator.run(tokens) { done, total, soFar in
                steps.append(done)
                #expect(total == tokens.count / context)
                #expect(soFar.count == 1 && soFar.allSatisfy { $0.tokens > 0 && $0.hasReference })
            }.first)

        var logits: [Float] = [], references: [Float] = [], targets: [Int?] = []
        for window in 0..<tokens.count / context {
            let text = Array(tokens[window * context..<(window + 1) * context])
            logits += try model.logits(text)
            references += try reference.logits(text)
            targets += (0..<context).map { t in
                // Token t + 1 is counted: all of them, or those from n / 2 + 1.
                t + 1 < context && (counting == .windows || t + 1 >= context / 2 + 1) ? Int(text[t + 1]) : nil
            }
        }
        let plain = Plain(logits, references, vocabulary: 80, targets: targets)
        let own = Plain(references, logits, vocabulary: 80, targets: targets)
        let count = Double(plain.losses.count)
        #expect(steps == Array(1...tokens.count / context))
        #expect(found.tokens == plain.losses.count)
        #expect(abs(found.perplexity / exp(plain.losses.reduce(0, +) / count) - 1) < 1e-6)
        #expect(abs(found.referencePerplexity / exp(own.losses.reduce(0, +) / count) - 1) < 1e-6)
        #expect(abs(found.divergence / (plain.divergences.reduce(0, +) / count) - 1) < 1e-5)
        let sorted = plain.divergences.sorted()
        #expect(abs(found.largestDivergence / (sorted.last ?? 0) - 1) < 1e-5)
        let rank = 0.9 * (count - 1), below = sorted[Int(rank)], above = sorted[min(Int(rank) + 1, sorted.count - 1)]
        #expect(abs(found.divergence(quantile: 0.9) / (below + (rank - rank.rounded(.down)) * (above - below)) - 1) < 1e-5)
        #expect(found.top1Agreement == Double(plain.agreements) / count)
    }

    @Test func aModelAgreesWithItself() throws {
        let model = try Fixture.all[1].model
        let evaluator = try Evaluator([model], reference: model, context: 10, counting: .windows, pool: WorkerPool(width: 3))
        let found = try #require(try evaluator.run(Fixture.all[1].tokens, windows: 2) { _, _, _ in }.first)
        #expect(found.tokens == 18)
        #expect(found.divergence == 0 && found.largestDivergence == 0 && found.divergence(quantile: 0.99) == 0)
        #expect(found.top1Agreement == 1 && found.perplexity == found.referencePerplexity)
    }

    /// Several models evaluated together give the same results as each alone, with and without a reference.
    @Test(arguments: [Evaluator.Counting.windows, .llamacpp], [false, true])
    func severalModelsHaveTheFiguresOfEachAlone(counting: Evaluator.Counting, withReference: Bool) throws {
        let models = try Fixture.all.prefix(3).map { try $0.model } + [Fixture.all[0].model]
        let reference = withReference ? try Fixture.all[3].model : nil, tokens = try Fixture.all[0].tokens
        func figures(_ models: [Transformer], threads: Int) throws -> [[UInt64]] {
            let pool = try WorkerPool(width: threads)
            let evaluator = try Evaluator(models, reference: reference, context: 10, counting: counting, pool: pool)
            return try evaluator.run(tokens) { _, _, soFar in #expect(soFar.count == models.count) }.map { found in
                #expect(found.hasReference == withReference)
                let numbers = [
                    found.perplexity, found.referencePerplexity, found.divergence, found.divergence(quantile: 0.99), found.largestDivergence,
                    found.top1Agreement, Double(found.tokens),
                ]
                return numbers.map(\.bitPattern)
            }
        }
        let together = try figures(models, threads: 3)
        #expect(try together == models.flatMap { try figures([$0], threads: 1) })
        #expect(together[0] == together[3] && together[0] != together[1])
        #expect(try figures([], threads: 1).isEmpty)
    }

    /// A real model and text, compared with an independent forward pass in float64.
    @Test func perplexityOfARealModel() throws {
        struct Wanted: Decodable { var context: Int, windows: Double, llamacpp: Double }
        let wanted = try JSONDecoder().decode(
            Wanted.self, from: Data(contentsOf: Fixture.testdata.appending(path: "inference/wikilm-tiny.json")))
        let tokens = try Fixture.tokens(Fixture.testdata.appending(path: "inference/wikilm-tiny.u16"))
        let folder = Fixture.testdata.appending(path: "wikilm-tiny")
        let model = try Transformer(Fixture.configuration(folder), weights: .source(HuggingFaceFolder(path: folder.path)))
        for (counting, perplexity) in [(Evaluator.Counting.windows, wanted.windows), (.llamacpp, wanted.llamacpp)] {
            let evaluator = try Evaluator([model], reference: nil, context: wanted.context, counting: counting, pool: WorkerPool(width: 2))
            let found = try #require(try evaluator.run(tokens) { _, _, _ in }.first)
            #expect(abs(found.perplexity / perplexity - 1) < 1e-5, "\(found.perplexity)")
            #expect(!found.hasReference && found.tokens == (counting == .windows ? 8 * 127 : 8 * 63))
        }
    }

    @Test func whatCannotBeEvaluatedIsRefused() throws {
        let model = try Fixture.all[0].model, pool = try WorkerPool(width: 1)
        // Nothing is predicted, or nothing is counted.
        #expect(throws: QAMError.self) { _ = try Evaluator([model], reference: nil, context: 1, counting: .windows, pool: pool) }
        #expect(throws: QAMError.self) { _ = try Evaluator([model], reference: nil, context: 2, counting: .llamacpp, pool: pool) }
        let tiny = Fixture.testdata.appending(path: "wikilm-tiny")
        let other = try Transformer(Fixture.configuration(tiny), weights: .source(HuggingFaceFolder(path: tiny.path)))
        #expect(throws: QAMError.self) { _ = try Evaluator([model], reference: other, context: 4, counting: .windows, pool: pool) }
        #expect(throws: QAMError.self) { _ = try Evaluator([model, other], reference: nil, context: 4, counting: .windows, pool: pool) }
        let evaluator = try Evaluator([model], reference: nil, context: 4, counting: .windows, pool: pool)
        #expect(throws: QAMError.self) { _ = try evaluator.run([1, 2, 3]) { _, _, _ in } }
        // The last token of a window is predicted, but not an input.
        #expect(throws: QAMError.self) { _ = try evaluator.run([1, 2, 3, 80]) { _, _, _ in } }
    }
}
