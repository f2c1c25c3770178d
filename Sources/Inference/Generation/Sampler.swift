#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Chooses the next token by the model's logits: the most likely one, or one drawn at random.
package struct Sampler: Sendable {
    /// Divides the logits; 0 takes the most likely token.
    private let temperature: Double
    /// Only so many of the most likely tokens are drawn from; nil for all.
    private let topK: Int?
    /// Only the most likely tokens are drawn from whose probabilities reach this sum; 1 for all.
    private let topP: Double
    private var random: SplitMix64

    /// The most likely token, the first of equal ones.
    package static var greedy: Sampler { Sampler(temperature: 0) }

    /// `temperature` at least 0, `topK` at least 1, `topP` above 0. The same seed draws the same tokens.
    package init(temperature: Double, topK: Int? = nil, topP: Double = 1, seed: UInt64 = 0) {
        (self.temperature, self.topK, self.topP, random) = (temperature, topK, topP, SplitMix64(state: seed))
    }

    /// Chooses by the first vector of `logits`. O(n log n) for n tokens, greedily O(n).
    mutating func next(_ logits: FloatMatrix) -> UInt32 {
        guard temperature > 0 else { return UInt32(logits.largestIndex(0)) }
        let values = logits.withVectors(0..<1) { numbers in numbers.indices.map { Double(numbers[$0]) } }
        return UInt32(choose(values))
    }

    /// The index of one of the logits.
    package mutating func choose(_ logits: [Double]) -> Int {
        // In descending order, equal logits by index. NaN is never chosen.
        var order = logits.indices.filter { !logits[$0].isNaN }.sorted { (logits[$1], $0) < (logits[$0], $1) }
        guard let best = order.first else { return 0 }
        if let topK { order = Array(order.prefix(topK)) }
        guard temperature > 0, logits[best].isFinite else { return best }
        var weights = order.map { exp((logits[$0] - logits[best]) / temperature) }
        let total = weights.reduce(0, +)
        var count = 0, kept = 0.0
        while count < weights.count, count == 0 || kept < topP * total {
            kept += weights[count]
            count += 1
        }
        weights.removeLast(weights.count - count)
        var rest = random.unit() * kept
        for (place, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 { return order[place] }
        }
        return order[count - 1]
    }
}

/// The generator SplitMix64.
private struct SplitMix64 {
    var state: UInt64

    /// A number from 0 up to, not including, 1.
    mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ z >> 31) >> 11) * 0x1p-53
    }
}
