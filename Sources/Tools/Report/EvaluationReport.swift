internal import QAMFormat

internal import Architectures
internal import Converters
internal import Inference

/// An evaluation as JSON and as text.
struct EvaluationReport {
    let model: String
    let evaluation: Evaluation
    let context: Int
    let tokensPerSecond: Double
    let warnings: [String]

    /// Preliminary results for the progress bar.
    static func running(_ evaluations: [Evaluation]) -> String {
        let perplexity = "perplexity " + evaluations.map { Format.decimal($0.perplexity, 3) }.joined(separator: " ")
        let divergences = evaluations.filter(\.hasReference).map { Format.scientific($0.divergence) }
        return divergences.isEmpty ? perplexity : "\(perplexity), KL \(divergences.joined(separator: " "))"
    }

    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("model", .string(model)), .init("perplexity", .number(evaluation.perplexity)), .init("tokens", JSONValue(evaluation.tokens)),
            .init("context", JSONValue(context)),
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
            table.add("Reference", "\(Format.decimal(evaluation.referencePerplexity, 4)), change \(change)")
            table.add(
                "KL divergence",
                "\(Format.scientific(evaluation.divergence)) nats, 99% up to \(Format.scientific(evaluation.divergence(quantile: 0.99))), "
                    + "at most \(Format.scientific(evaluation.largestDivergence))")
            table.add("Same top token", agreement)
        }
        table.add("Speed", speed)
        return table.lines.joined(separator: "\n")
    }

    /// Several models in one table, with common values below.
    static func table(_ reports: [EvaluationReport]) -> String {
        let hasReference = reports.contains { $0.evaluation.hasReference }
        let measured = ["CHANGE", "KL", "KL 99%", "KL MAX", "SAME TOP TOKEN"].map { ($0, Table.Alignment.right) }
        var table = Table([("MODEL", .left), ("PERPLEXITY", .right)] + (hasReference ? measured : []))
        for report in reports {
            let evaluation = report.evaluation
            let figures =
                hasReference
                ? [
                    report.change, Format.scientific(evaluation.divergence), Format.scientific(evaluation.divergence(quantile: 0.99)),
                    Format.scientific(evaluation.largestDivergence), report.agreement,
                ] : []
            table.add([report.model, Format.decimal(evaluation.perplexity, 4)] + figures)
        }
        var common = Table.pairs
        if let first = reports.first {
            if hasReference { common.add("Reference", Format.decimal(first.evaluation.referencePerplexity, 4)) }
            common.add("Each over", "\(Format.count(first.evaluation.tokens, "prediction")), windows of \(first.context)")
            common.add("Speed", "\(first.speed), all models together")
        }
        return (table.lines + [""] + common.lines).joined(separator: "\n")
    }

    /// Of the perplexity from the reference's: `+0.123%`.
    private var change: String {
        let change = 100 * (evaluation.perplexity / evaluation.referencePerplexity - 1)
        return "\(change < 0 ? "" : "+")\(Format.decimal(change, 3))%"
    }

    private var agreement: String { "\(Format.decimal(100 * evaluation.top1Agreement, 2))%" }

    private var speed: String { "\(Format.decimal(tokensPerSecond, tokensPerSecond < 100 ? 1 : 0)) tokens/s" }
}
