extension TransformerConfiguration {
    /// The rotary position embedding.
    package struct Rotary: Hashable, Sendable {
        package enum Scaling: Hashable, Sendable {
            case none
            /// Positions are divided by `factor`.
            case linear(factor: Double)
            /// Llama 3: low frequencies are divided by `factor`, high ones kept, those between interpolated; the bounds are
            /// `originalContext` divided by the factors, as wavelengths.
            case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
            /// YaRN (arXiv 2309.00071): low frequencies are divided by `factor`, high ones kept, those between interpolated; the bounds are `fastTurns` and
            /// `slowTurns` within `originalContext` tokens, rounded outwards to whole pairs if `isTruncated`.
            case yarn(factor: Double, fastTurns: Double, slowTurns: Double, originalContext: Int, isTruncated: Bool)
            /// LongRoPE (arXiv 2402.13753): a divisor for each frequency, other ones for texts longer than `originalContext`.
            case divided(short: [Double], long: [Double], originalContext: Int)
        }

        package var base: Double
        package var scaling: Scaling
        /// How many elements of a head are rotated, the first ones; nil for all.
        package var width: Int?
        /// Whether pairs are neighbours, instead of half of the rotated part apart.
        package var pairsNeighbours: Bool
        /// Rotated queries and keys are multiplied by it.
        package var factor: Double

        package init(base: Double = 10000, scaling: Scaling = .none, width: Int? = nil, pairsNeighbours: Bool = false, factor: Double = 1) {
            self.base = base
            self.scaling = scaling
            self.width = width
            self.pairsNeighbours = pairsNeighbours
            self.factor = factor
        }

        var isSensible: Bool {
            func isPositive(_ values: Double...) -> Bool { values.allSatisfy { $0 > 0 && $0.isFinite } }
            guard isPositive(base, factor) else { return false }
            switch scaling {
            case .none: return true
            case .linear(let factor): return isPositive(factor)
            case .llama3(let factor, let low, let high, let context): return isPositive(factor, low, high, Double(context)) && low < high
            case .yarn(let factor, let fast, let slow, let context, _): return isPositive(factor, fast, slow, Double(context)) && base != 1
            case .divided(let short, let long, let context): return context > 0 && short.count == long.count && (short + long).allSatisfy { isPositive($0) }
            }
        }
    }
}
