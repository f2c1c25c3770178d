internal import QAMFormat

/// Labels sampled from a model's predictions.
package enum PredictedLabel {
    /// Samples a token by its probability, reproducibly for a window and a position.
    ///
    /// - Parameter probabilities: of each token of the vocabulary; they need not sum to 1.
    package static func draw(_ probabilities: Span<Float>, window: Int, position: Int) -> Int {
        var sum = 0.0
        for token in probabilities.indices { sum += Double(probabilities[token]) }
        let wanted = uniform(window: window, position: position) * sum
        var passed = 0.0, last = 0
        for token in probabilities.indices where probabilities[token] > 0 {
            passed += Double(probabilities[token])
            last = token
            if passed > wanted { break }
        }
        return last
    }

    /// A number in [0, 1), by SplitMix64 (doi:10.1145/2660193.2660195) of the window and then of the position.
    package static func uniform(window: Int, position: Int) -> Double {
        let bits = mixed(mixed(UInt64(truncatingIfNeeded: window)) ^ UInt64(truncatingIfNeeded: position))
        return Double(bits >> 11) * 0x1p-53
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var generator = SplitMix64(state: value)
        return generator.next()
    }
}
