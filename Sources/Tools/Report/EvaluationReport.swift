internal import Converters
internal import Inference

/// An evaluation as JSON and as text.
struct EvaluationReport {
    let evaluation: Evaluation
    let context: Int
    let tokensPerSecond: Double
    let warnings: [String]

    /// The figures so far, beside the progress.
    static func running(_ evaluation: Evaluation) -> String {
        let perplexity = "perplexity \(Format.decimal(evaluation.perplexity, 3))"
        return evaluation.hasReference ? "\(perplexity), KL \(Format.scientific(evaluation.divergence))" : perplexity
    }

    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("perplexity", .number(evaluation.perplexity)), .init("tokens", JSONValue(evaluation.tokens)), .init("context", JSONValue(context)),
        ]
        if evaluation.hasReference {
            members += [
                .init("kl", .number(evaluation.divergence)), .init("kl99", .number(evaluation.divergence(quantile: 0.99))),
                .init("klMax", .number(evaluation.largestDivergence)), .init("top1Agreement", .number(evaluation.top1Agreement)),
                .init("referencePerplexity", .number(evaluation.referencePerplexity)),
            ]
        }
        members += [.init("tokensPerSecond", .number(tokensPerSecond)), .init("warnings", .array(warnings.map(JSONValue.string)))]
        return .object(members)
    }

    var text: String {
        var table = Table.pairs
        table.add("Perplexity", "\(Format.decimal(evaluation.perplexity, 4)) over \(Format.count(evaluation.tokens, "prediction")), windows of \(context)")
        if evaluation.hasReference {
            let change = 100 * (evaluation.perplexity / evaluation.referencePerplexity - 1)
            table.add("Reference", "\(Format.decimal(evaluation.referencePerplexity, 4)), change \(change < 0 ? "" : "+")\(Format.decimal(change, 3))%")
            table.add(
                "KL divergence", "\(Format.scientific(evaluation.divergence)) nats, 99% up to \(Format.scientific(evaluation.divergence(quantile: 0.99))), "
                    + "at most \(Format.scientific(evaluation.largestDivergence))")
            table.add("Same top token", "\(Format.decimal(100 * evaluation.top1Agreement, 2))%")
        }
        table.add("Speed", "\(Format.decimal(tokensPerSecond, tokensPerSecond < 100 ? 1 : 0)) tokens/s")
        return table.lines.joined(separator: "\n")
    }
}
