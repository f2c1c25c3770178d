/// What coding a tensor costs at each rate that it can have.
public struct RateCurve: Hashable, Sendable {
    public struct Point: Hashable, Sendable {
        /// Bits a weight: the rate.
        public let bits: Double
        /// All that is stored at this rate, in bits.
        public let storedBits: Int
        /// What the error does, in a unit that the curves which are compared have in common.
        public let cost: Double

        public init(bits: Double, storedBits: Int, cost: Double) {
            self.bits = bits
            self.storedBits = storedBits
            self.cost = cost
        }
    }

    /// In ascending order of bits.
    public let points: [Point]

    public init(points: [Point]) { self.points = points }

    /// A step from a point of the lower convex hull to the next.
    fileprivate struct Step {
        let curve: Int
        let from: Int
        let to: Int
        let storedBits: Int
        /// What a stored bit takes off the cost.
        let slope: Double
    }

    /// The steps along the hull: each takes less off for a bit than the one before.
    fileprivate func steps(curve: Int) -> [Step] {
        var steps: [Step] = []
        var from = 0
        while from < points.count - 1 {
            let next = (from + 1..<points.count).map { to in
                let bits = points[to].storedBits - points[from].storedBits
                return Step(curve: curve, from: from, to: to, storedBits: bits, slope: (points[from].cost - points[to].cost) / Double(max(1, bits)))
            }
            guard let best = next.max(by: { $0.slope < $1.slope }), best.slope > 0 else { break }
            steps.append(best)
            from = best.to
        }
        return steps
    }
}

/// Spreads bits over tensors so that the sum of their costs is least: of all curves those steps first that take most off for a bit, which is
/// Lagrange's condition, until no more fits.
public enum RateAllocation {
    /// The index of the chosen point of each curve; nil where even the lowest do not fit. O(points * log(points)).
    ///
    /// - Parameter storedBits: those that all tensors may have together.
    public static func choose(_ curves: [RateCurve], storedBits: Int) -> [Int]? {
        var chosen = curves.map { _ in 0 }
        var left = storedBits - curves.reduce(0) { $0 + ($1.points.first?.storedBits ?? 0) }
        guard left >= 0 else { return nil }
        let steps = curves.enumerated().flatMap { $1.steps(curve: $0) }
        // Of equals the first is first, so that the choice depends on nothing else.
        let order = steps.indices.sorted { steps[$0].slope == steps[$1].slope ? $0 < $1 : steps[$0].slope > steps[$1].slope }
        for step in order.map({ steps[$0] }) where chosen[step.curve] == step.from && step.storedBits <= left {
            chosen[step.curve] = step.to
            left -= step.storedBits
        }
        return chosen
    }
}
