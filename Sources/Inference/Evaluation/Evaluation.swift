#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// How well a model predicts a text, and the divergence of its predictions from a reference's: means over all counted predictions.
package struct Evaluation: Sendable {
    /// Predictions counted.
    package private(set) var tokens = 0
    private var loss = 0.0
    private var referenceLoss = 0.0
    private var agreements = 0
    /// Of each prediction, if there is a reference.
    private var divergences: [Float] = []

    /// exp of the mean loss.
    package var perplexity: Double { exp(loss / Double(max(1, tokens))) }

    package var hasReference: Bool { !divergences.isEmpty }
    package var referencePerplexity: Double { exp(referenceLoss / Double(max(1, tokens))) }
    /// The mean Kullback-Leibler divergence from the reference's predictions, in nats.
    package var divergence: Double { divergences.reduce(0) { $0 + Double($1) } / Double(max(1, divergences.count)) }
    package var largestDivergence: Double { Double(divergences.max() ?? 0) }
    /// The fraction of predictions whose most likely token is also the reference's.
    package var top1Agreement: Double { Double(agreements) / Double(max(1, tokens)) }

    /// The divergence that a fraction of the predictions, from 0 to 1, does not exceed; interpolated between predictions.
    /// O(n log n).
    package func divergence(quantile: Double) -> Double {
        guard !divergences.isEmpty else { return 0 }
        let sorted = divergences.sorted(), rank = min(max(0, quantile), 1) * Double(sorted.count - 1)
        let below = Int(rank), above = min(below + 1, sorted.count - 1)
        return Double(sorted[below]) + (rank - Double(below)) * Double(sorted[above] - sorted[below])
    }

    /// One prediction: its loss in nats and, with a reference, the reference's loss, the divergence and whether the top tokens agree.
    struct Prediction {
        var loss = 0.0
        var reference: (loss: Double, divergence: Double, agrees: Bool)?
    }

    mutating func count(_ prediction: Prediction) {
        tokens += 1
        loss += prediction.loss
        guard let reference = prediction.reference else { return }
        referenceLoss += reference.loss
        divergences.append(Float(reference.divergence))
        if reference.agrees { agreements += 1 }
    }
}
